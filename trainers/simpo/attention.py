"""Attention over a row in which completions share a prompt: exact, and without a change to any model.

Registered with transformers under `ATTENTION`. The layout comes as a keyword argument of the forward pass, which every
decoder hands down to its attention function, and which a recomputing backward pass hands down again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention

from peercycle.trainers.simpo.layout import PrefixGroup

ATTENTION = "peercycle_shared_prefix"
GROUPS = "peercycle_groups"
"""Name of the keyword argument that carries the layout."""
QUERY_BLOCK = 512
"""Queries at a time where a mask must be made: it has a row for each, and a column for each key."""

_packed: ContextVar[bool] = ContextVar("packed", default=False)


def register() -> None:
    """Make the function known to transformers; a second time changes nothing."""
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(ATTENTION, shared_prefix_attention)
    AttentionMaskInterface.register(ATTENTION, _mask)


@contextmanager
def packed_rows() -> Iterator[None]:
    """Within this, no mask is made: the function below needs none, and one would be as large as the row squared."""
    token = _packed.set(True)
    try:
        yield
    finally:
        _packed.reset(token)


def shared_prefix_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Attend within each group: the prompt to itself, each completion to the prompt and itself."""
    groups: tuple[PrefixGroup, ...] | None = kwargs.pop(GROUPS, None)
    if not groups:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        out, _ = sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
        return out, None
    repeats = query.shape[1] // key.shape[1]
    # The fast kernels of GPUs read one key for several queries where it lies; others are given a copy for each.
    if repeats > 1 and not (query.is_cuda and query.dtype in (torch.bfloat16, torch.float16)):
        key, value = key.repeat_interleave(repeats, 1), value.repeat_interleave(repeats, 1)
    attend = on_gpu if query.is_cuda else in_blocks
    scale = kwargs.get("scaling")
    pieces: list[torch.Tensor] = []
    for group in groups:
        prompt, *completions = (
            (
                query[:, :, start : start + length],
                key[:, :, start : start + length],
                value[:, :, start : start + length],
            )
            for start, length in ((group.start, group.length), *group.completions)
        )
        pieces += attend(prompt, completions, scale)
    return torch.cat(pieces, 2).transpose(1, 2).contiguous(), None


Rows = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Queries, keys and values, [batch, heads, tokens, width]."""


def on_gpu(prompt: Rows, completions: Sequence[Rows], scale: float | None) -> list[torch.Tensor]:
    """Attend without any mask: by kernels that know causality.

    The fastest know it for as many queries as keys only. A completion not shorter than its prompt goes through them
    together with it, which is at most a third more work and was a fifth faster in all; a shorter one by a bias that aligns
    the last query with the last key.
    """
    own: torch.Tensor | None = None
    pieces: list[torch.Tensor] = []
    before = prompt[0].shape[2]
    for completion in completions:
        keys, values = (torch.cat([prompt[n], completion[n]], 2) for n in (1, 2))
        if completion[0].shape[2] >= before:
            whole = _causal(torch.cat([prompt[0], completion[0]], 2), keys, values, scale)
            own = whole[:, :, :before] if own is None else own
            pieces.append(whole[:, :, before:])
        else:
            bias: Any = causal_lower_right(completion[0].shape[2], keys.shape[2])
            few_keys = completion[0].shape[1] > keys.shape[1]
            pieces.append(
                scaled_dot_product_attention(
                    completion[0], keys, values, attn_mask=bias, scale=scale, enable_gqa=few_keys
                )
            )
    return [_causal(*prompt, scale) if own is None else own, *pieces]


def in_blocks(prompt: Rows, completions: Sequence[Rows], scale: float | None) -> list[torch.Tensor]:
    """Attend with a mask for some queries at a time, which needs no kernel of a kind."""
    pieces = [_causal(*prompt, scale)]
    before = prompt[0].shape[2]
    for query, key, value in completions:
        length = query.shape[2]
        for at in range(0, length, QUERY_BLOCK):
            end = min(at + QUERY_BLOCK, length)
            keys, values = torch.cat([prompt[1], key[:, :, :end]], 2), torch.cat([prompt[2], value[:, :, :end]], 2)
            mask = torch.ones((end - at, before + end), dtype=torch.bool, device=query.device).tril(before + at)
            block = query[:, :, at:end]
            pieces.append(scaled_dot_product_attention(block, keys, values, attn_mask=mask, scale=scale))
    return pieces


def _causal(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float | None) -> torch.Tensor:
    few_keys = query.shape[1] > key.shape[1]
    return scaled_dot_product_attention(query, key, value, is_causal=True, scale=scale, enable_gqa=few_keys)


def _mask(*args: Any, **kwargs: Any) -> torch.Tensor | None:
    if _packed.get():
        return None
    from transformers.masking_utils import sdpa_mask

    made: torch.Tensor | None = sdpa_mask(*args, **kwargs)
    return made
