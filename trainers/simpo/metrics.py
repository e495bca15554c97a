"""What a step did, as numbers; sums first, so that they add up over units and processes."""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass

import torch

from peercycle.trainers.simpo.objective import PairTerms

_FIELDS = (
    "loss",
    "simpo_loss",
    "nll",
    "logp_chosen",
    "logp_rejected",
    "margin",
    "accuracy",
    "saturation",
)


@dataclass(slots=True)
class Tally:
    """Sums over pairs."""

    values: torch.Tensor
    pairs: int = 0
    tokens: int = 0
    """Tokens of the pairs' episodes, each as often as a pair holds it: what training pair by pair would compute."""
    computed: int = 0
    """Tokens that went through the model with a graph, filling included."""
    real: int = 0
    """The same without filling."""

    @classmethod
    def empty(cls) -> Tally:
        """Return a tally of nothing."""
        return cls(torch.zeros(len(_FIELDS), dtype=torch.float64))

    def add(self, terms: PairTerms, beta: float) -> None:
        """Add the pairs of a unit; the loss is already the unit's share of the step's."""
        difference = (terms.winner - terms.loser).detach().double().cpu()
        parts = [
            terms.loss.detach().double().cpu(),
            terms.simpo.detach().double().cpu().sum(),
            terms.nll.detach().double().cpu().sum(),
            terms.winner.detach().double().cpu().sum(),
            terms.loser.detach().double().cpu().sum(),
            beta * difference.sum(),
            (difference > 0).double().sum(),
            terms.saturation.detach().double().cpu().sum(),
        ]
        self.values += torch.stack(parts)
        self.pairs += len(difference)

    def as_tensor(self) -> torch.Tensor:
        """Return everything as one vector, to be added up over processes."""
        counts = torch.tensor([self.pairs, self.tokens, self.computed, self.real], dtype=torch.float64)
        return torch.cat([self.values, counts])

    @classmethod
    def of_tensor(cls, vector: torch.Tensor) -> Tally:
        """Return the tally of a vector."""
        vector = vector.cpu()
        pairs, tokens, computed, real = (int(value) for value in vector[len(_FIELDS) :])
        return cls(vector[: len(_FIELDS)].clone(), pairs, tokens, computed, real)

    def merge(self, other: Tally) -> None:
        """Add another tally."""
        self.values += other.values
        self.pairs += other.pairs
        self.tokens += other.tokens
        self.computed += other.computed
        self.real += other.real

    def means(self, steps: int = 1) -> dict[str, float]:
        """Return the means over pairs (of the loss: over steps)."""
        if not self.pairs:
            return {}
        found = {name: float(value) / self.pairs for name, value in zip(_FIELDS, self.values, strict=True)}
        return {**found, "loss": float(self.values[0]) / steps}

    def work(self) -> dict[str, float]:
        """Return how the tokens were spent."""
        return {
            "padding_waste": 1 - self.real / self.computed if self.computed else 0.0,
            "prefix_tokens_saved": float(self.tokens - self.real),
        }


def peak_gb() -> float:
    """Return the most memory that this process has held: on its GPU where it has one, else resident."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
