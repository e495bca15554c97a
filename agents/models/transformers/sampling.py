"""Drawing one token for each row of a batch, each by its own temperature, nucleus and seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from peercycle.core.modelling import ModelRequest


@dataclass(slots=True)
class Choice:
    """How one answer's tokens are drawn. Its chance is its own: neighbours in a batch do not shift it."""

    index: int
    temperature: float
    top_p: float
    top_k: int
    chance: random.Random = field(repr=False)

    @classmethod
    def of(cls, request: ModelRequest, index: int, defaults: Any) -> Choice:
        """Return the choice of a request's answer number `index`; `defaults` is the model's generation config."""
        asked = request.sampling
        seed = None if request.seed is None else f"{request.seed}/{index}"
        return cls(
            index=index,
            temperature=_first(asked.temperature, getattr(defaults, "temperature", None), 1.0),
            top_p=_first(asked.top_p, getattr(defaults, "top_p", None), 1.0),
            top_k=int(_first(asked.top_k, getattr(defaults, "top_k", None), 0)),
            chance=random.Random(seed),
        )


def draw(logits: torch.Tensor, choices: Sequence[Choice]) -> torch.Tensor:
    """Return one token id a row. `logits` are float32, already masked by a grammar where there is one."""
    greedy = logits.argmax(-1)
    if all(choice.temperature == 0 for choice in choices):
        return greedy
    heat = logits.new_tensor([[choice.temperature or 1.0] for choice in choices])
    probabilities = torch.softmax(logits / heat, -1)
    if any(choice.top_p < 1 or choice.top_k for choice in choices):
        probabilities = probabilities.masked_fill(_outside(probabilities, choices), 0.0)
    # In the order of the ids, not of the probabilities: two that are nearly equal may change places between batches.
    reached = probabilities.cumsum(-1)
    point = logits.new_tensor([[choice.chance.random()] for choice in choices]) * reached[:, -1:]
    drawn = torch.searchsorted(reached, point, right=True).clamp(max=logits.shape[-1] - 1).squeeze(-1)
    # Rounding may put the point at the very end, past the last token that may be drawn.
    lost = probabilities.gather(-1, drawn[:, None]).squeeze(-1) == 0
    cold = torch.tensor([choice.temperature == 0 for choice in choices], device=logits.device)
    return torch.where(cold | lost, greedy, drawn)


def _outside(probabilities: torch.Tensor, choices: Sequence[Choice]) -> torch.Tensor:
    """Return which tokens lie outside each row's nucleus or its likeliest `top_k`; the likeliest never does."""
    width = probabilities.shape[-1]
    ranked, order = probabilities.sort(-1, descending=True)
    nucleus = probabilities.new_tensor([[choice.top_p] for choice in choices])
    most = torch.tensor([[choice.top_k or width] for choice in choices], device=ranked.device)
    outside = ranked.cumsum(-1) - ranked >= nucleus
    outside |= torch.arange(width, device=ranked.device)[None] >= most
    outside[:, 0] = False
    return torch.zeros_like(outside).scatter(-1, order, outside)


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)
