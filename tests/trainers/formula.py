"""The objective in plain float64 sums, a token at a time: what every memory mode is held against."""

from __future__ import annotations

from typing import Any

import torch


def formula(model: Any, pairs: Any, beta: float, gamma: float, nll_lambda: float, reduction: str) -> torch.Tensor:
    """Return the loss of a step of pairs."""
    total, written = torch.zeros((), dtype=torch.float64), sum(pair.winner.tokens for pair in pairs)
    for pair in pairs:
        (won, n), (lost, m) = (_score(model, episode) for episode in (pair.winner, pair.loser))
        preference = torch.log(1 + torch.exp(-(beta * (won / n - lost / m) - gamma)))
        nll = {"sum": -won / len(pairs), "sequence_mean": -won / n / len(pairs), "token_mean": -won / written}
        total = total + preference / len(pairs) + nll_lambda * nll[reduction]
    return total


def _score(model: Any, episode: Any) -> tuple[torch.Tensor, int]:
    score, count = torch.zeros((), dtype=torch.float64), 0
    for segment in episode.segments:
        ids = torch.cat([segment.prompt, segment.completion]).long()
        logits = model(input_ids=ids[None]).logits[0]
        for place in segment.mask.nonzero().flatten().tolist():
            at = len(segment.prompt) + place
            score = score + logits[at - 1, ids[at]] - torch.logsumexp(logits[at - 1], 0)
            count += 1
    return score, count


def in_float64(model: Any) -> Any:
    """Turn a model to float64, its norms too: those of transformers compute in float32 whatever they are given."""
    for module in model.double().modules():
        if type(module).__name__.endswith("RMSNorm"):
            epsilon = getattr(module, "variance_epsilon", None) or module.eps
            module.forward = _norm(module, epsilon)
    return model


def _norm(module: Any, epsilon: float) -> Any:
    def forward(x: torch.Tensor) -> torch.Tensor:
        scaled: torch.Tensor = module.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + epsilon))
        return scaled

    return forward
