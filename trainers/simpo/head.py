"""The head in tiles of tokens: sums of log-probabilities without ever holding more than a tile of logits.

A vocabulary of 131,072 makes 0.5 MB of float32 logits of each token; 4,096 tokens would hold 2 GB of them several
times over. Here a tile of a few hundred tokens lives at a time, and what the backward pass needs is a token's worth of
hidden states. Works in any floating dtype, float64 included, so that its gradients can be held against a formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

UNIT_BYTES = 1 << 29
"""Room that one gradient of the head per episode may take; beyond it the logits are computed a second time."""


class HeadSettings:
    """How the head is computed: rows to a tile, and whether gradients are made in the forward pass."""

    __slots__ = ("rows", "unit")

    def __init__(self, rows: int, unit: bool) -> None:
        self.rows = rows
        self.unit = unit


def head_settings(
    weight: torch.Tensor, episodes: int, tile_mb: int | None, *, recompute: bool | None = None
) -> HeadSettings:
    """Choose tiles of `tile_mb` of float32 logits.

    The loss is linear in each episode's sum once the step's coefficients are known, so gradients for a coefficient
    of one can be made while the logits are there: one multiplication less of the three or four that a tile costs.
    A head that is trained needs one buffer of its own size per episode for that.
    """
    vocabulary, width = weight.shape
    if tile_mb is None:
        tile_mb = 512 if weight.is_cuda else 64
    rows = max(16, tile_mb * 2**20 // (vocabulary * 4))
    if recompute is None:
        recompute = (
            weight.requires_grad and episodes * vocabulary * width * max(4, weight.element_size()) > UNIT_BYTES
        )
    return HeadSettings(rows, not recompute)


def episode_sums(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    targets: torch.Tensor,
    counts: Sequence[int],
    settings: HeadSettings,
) -> torch.Tensor:
    """Return each episode's sum of log p(target), in float64.

    `hidden` [K, H] holds the states that predict `targets` [K], those of one episode beside each other; `counts`
    says how many each episode has.
    """
    if torch.is_grad_enabled() and (hidden.requires_grad or weight.requires_grad):
        function: Any = _UnitHead if settings.unit else _RecomputedHead
        sums: torch.Tensor = function.apply(hidden, weight, bias, targets, tuple(counts), settings.rows)
        return sums
    return _sums_only(hidden, weight, bias, targets, counts, settings.rows)


def _tiles(counts: Sequence[int], rows: int) -> list[tuple[int, int, int]]:
    """Return (episode, from, to) of tiles, none of which crosses from one episode into the next."""
    tiles: list[tuple[int, int, int]] = []
    start = 0
    for episode, count in enumerate(counts):
        tiles += [(episode, at, min(at + rows, start + count)) for at in range(start, start + count, rows)]
        start += count
    return tiles


def _logits(hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    logits = hidden @ weight.T
    if bias is not None:
        logits += bias
    return logits if logits.dtype == torch.float64 else logits.float()


def _exponentials(logits: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Turn logits into exp(logit - max) in place; return log p of the targets, and the exponentials' sums."""
    chosen = logits.gather(-1, targets[:, None]).squeeze(-1)
    most = logits.amax(-1)
    logits.sub_(most[:, None]).exp_()
    total = logits.sum(-1)
    return chosen - most - total.log(), total, logits


def _accumulator(weight: torch.Tensor) -> torch.Tensor:
    """Return zeros to add many tiles up in: half precision would lose the small ones."""
    return torch.zeros_like(weight, dtype=torch.promote_types(weight.dtype, torch.float32))


# A tile's gradients, of `share` times its sum of log p. p = powers / total is never formed: dividing the small factor
# is cheaper than the tile.


def _by_hidden(
    weight: torch.Tensor, powers: torch.Tensor, total: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """Return the gradient of the states: each target's row of the head, less the mean row under p."""
    return weight[targets] - (powers @ weight) / total[:, None].to(weight.dtype)


def _add_to_weight(
    gradient: torch.Tensor,
    powers: torch.Tensor,
    total: torch.Tensor,
    targets: torch.Tensor,
    part: torch.Tensor,
    share: float = 1.0,
) -> None:
    """Add the gradient of the head: each target's state, less what every word's probability takes."""
    scaled = part * (share / total[:, None]).to(part.dtype)
    if gradient.dtype == powers.dtype:
        gradient.addmm_(powers.T, scaled, alpha=-1)
    else:
        gradient.sub_(powers.T @ scaled)
    gradient.index_add_(0, targets, part.to(gradient.dtype), alpha=share)


def _add_to_bias(
    gradient: torch.Tensor, powers: torch.Tensor, total: torch.Tensor, targets: torch.Tensor, share: float = 1.0
) -> None:
    """Add the gradient of the bias: one for each target, less every word's probability."""
    gradient.sub_((share / total).to(powers.dtype) @ powers)
    gradient.index_add_(0, targets, torch.full_like(targets, share, dtype=gradient.dtype))


def _as(value: torch.Tensor | None, dtype: torch.dtype) -> torch.Tensor | None:
    return None if value is None else value.to(dtype)


def _sums_only(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    targets: torch.Tensor,
    counts: Sequence[int],
    rows: int,
) -> torch.Tensor:
    sums = torch.zeros(len(counts), dtype=torch.float64, device=hidden.device)
    for episode, start, end in _tiles(counts, rows):
        logits = _logits(hidden[start:end], weight, bias)
        logp, _, _ = _exponentials(logits, targets[start:end])
        sums[episode] += logp.double().sum()
    return sums


class _UnitHead(torch.autograd.Function):
    """Makes the gradients of each episode's sum in the forward pass; backward only scales and adds them."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        targets: torch.Tensor,
        counts: tuple[int, ...],
        rows: int,
    ) -> torch.Tensor:
        sums = torch.zeros(len(counts), dtype=torch.float64, device=hidden.device)
        by_hidden = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        by_weight = [_accumulator(weight) for _ in counts] if ctx.needs_input_grad[1] else []
        by_bias = hidden.new_zeros((len(counts), len(weight))) if ctx.needs_input_grad[2] else None
        for episode, start, end in _tiles(counts, rows):
            part, wanted = hidden[start:end], targets[start:end]
            logp, total, powers = _exponentials(_logits(part, weight, bias), wanted)
            sums[episode] += logp.double().sum()
            powers = powers.to(weight.dtype)
            if by_hidden is not None:
                by_hidden[start:end] = _by_hidden(weight, powers, total, wanted)
            if by_weight:
                _add_to_weight(by_weight[episode], powers, total, wanted, part)
            if by_bias is not None:
                _add_to_bias(by_bias[episode], powers, total, wanted)
        ctx.counts, ctx.dtype = counts, weight.dtype
        ctx.by_weight = by_weight
        ctx.save_for_backward(*(value for value in (by_hidden, by_bias) if value is not None))
        ctx.has = by_hidden is not None, by_bias is not None
        return sums

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (grad,) = grads
        saved = list(ctx.saved_tensors)
        by_hidden = saved.pop(0) if ctx.has[0] else None
        by_bias = saved.pop(0) if ctx.has[1] else None
        to_hidden = to_weight = to_bias = None
        if by_hidden is not None:
            lengths = torch.tensor(ctx.counts, device=grad.device)
            to_hidden = by_hidden * grad.to(by_hidden.dtype).repeat_interleave(lengths)[:, None]
        if ctx.by_weight:
            # The buffers are ours alone and used once: scaled in place, and let go of one by one.
            to_weight = ctx.by_weight[0].mul_(float(grad[0]))
            for episode in range(1, len(ctx.by_weight)):
                to_weight.add_(ctx.by_weight[episode], alpha=float(grad[episode]))
                ctx.by_weight[episode] = None
            ctx.by_weight = []
        if by_bias is not None:
            to_bias = grad.to(by_bias.dtype) @ by_bias
        return to_hidden, _as(to_weight, ctx.dtype), to_bias, None, None, None


class _RecomputedHead(torch.autograd.Function):
    """Keeps only each token's log-sum-exp, and makes a tile's logits again in the backward pass."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        targets: torch.Tensor,
        counts: tuple[int, ...],
        rows: int,
    ) -> torch.Tensor:
        ctx.counts, ctx.rows = counts, rows
        ctx.save_for_backward(hidden, weight, bias, targets)
        return _sums_only(hidden, weight, bias, targets, counts, rows)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (grad,) = grads
        hidden, weight, bias, targets = ctx.saved_tensors
        to_hidden = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        to_weight = _accumulator(weight) if ctx.needs_input_grad[1] else None
        to_bias = torch.zeros_like(bias) if ctx.needs_input_grad[2] else None
        for episode, start, end in _tiles(ctx.counts, ctx.rows):
            part, wanted, share = hidden[start:end], targets[start:end], float(grad[episode])
            _, total, powers = _exponentials(_logits(part, weight, bias), wanted)
            powers = powers.to(weight.dtype)
            if to_hidden is not None:
                to_hidden[start:end] = _by_hidden(weight, powers, total, wanted) * share
            if to_weight is not None:
                _add_to_weight(to_weight, powers, total, wanted, part, share)
            if to_bias is not None:
                _add_to_bias(to_bias, powers, total, wanted, share)
        return to_hidden, _as(to_weight, weight.dtype), to_bias, None, None, None
