"""The objective, of nothing but each episode's sum of log-probabilities and how many tokens it is over.

SimPO (Meng, Xia and Chen 2024, arXiv 2405.14734), its objective (eq. 6), with the NLL term of CycleResearcher (Weng et al. 2024,
arXiv 2411.00816): for a pair of winner w and loser l,

    -log sigmoid(beta * (s_w / n_w - s_l / n_l) - gamma) + lambda * NLL(w)

where s is the sum over the tokens that the policy wrote, and n their number.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn.functional import logsigmoid

from peercycle.trainers.simpo.settings import NllReduction


@dataclass(frozen=True, slots=True)
class Objective:
    """Its constants."""

    beta: float
    gamma: float
    nll_lambda: float
    nll_reduction: NllReduction


@dataclass(frozen=True, slots=True)
class Scale:
    """What the sums of a step are divided by, whichever way its pairs are spread over forward passes."""

    pairs: int
    winners_tokens: int
    """Policy tokens of the winners of all pairs of the step."""


@dataclass(frozen=True, slots=True)
class PairTerms:
    """The loss of some pairs of a step, and its parts, one value per pair."""

    loss: torch.Tensor
    """A scalar; over all pairs of a step these add up to the step's loss."""
    simpo: torch.Tensor
    nll: torch.Tensor
    """Mean per token of the winner, whatever the reduction."""
    winner: torch.Tensor
    """Mean log-probability."""
    loser: torch.Tensor
    saturation: torch.Tensor
    """sigmoid(-(beta * difference - gamma)): the share of its full weight that a pair still pulls with."""


def pair_terms(
    sums: torch.Tensor,
    counts: torch.Tensor,
    winners: torch.Tensor,
    losers: torch.Tensor,
    objective: Objective,
    scale: Scale,
) -> PairTerms:
    """Return the loss of pairs of episodes; `winners` and `losers` are indices into `sums` and `counts`."""
    means = sums / counts
    winner, loser = means[winners], means[losers]
    argument = objective.beta * (winner - loser) - objective.gamma
    simpo = -logsigmoid(argument)
    if objective.nll_reduction == "sum":
        nll = -sums[winners].sum() / scale.pairs
    elif objective.nll_reduction == "sequence_mean":
        nll = -winner.sum() / scale.pairs
    else:
        nll = -sums[winners].sum() / scale.winners_tokens
    loss = simpo.sum() / scale.pairs + objective.nll_lambda * nll
    return PairTerms(loss, simpo, -winner, winner, loser, torch.sigmoid(-argument))
