"""Attention over a row in which completions share a prompt: exact, and without a change to any model.

Registered with transformers under `ATTENTION`. The layout comes as a keyword argument of the forward pass, which every
decoder hands down to its attention function, and which a recomputing backward pass hands down again.
"""

from __future__ import annotations

from collections.abc import Iterator
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
    if repeats > 1:
        key, value = key.repeat_interleave(repeats, 1), value.repeat_interleave(repeats, 1)
    scale = kwargs.get("scaling")
    pieces: list[torch.Tensor] = []
    for group in groups:
        prompt = slice(group.start, group.start + group.length)
        before = key[:, :, prompt], value[:, :, prompt]
        pieces.append(scaled_dot_product_attention(query[:, :, prompt], *before, is_causal=True, scale=scale))
        for start, length in group.completions:
            own = slice(start, start + length)
            mine = query[:, :, own], key[:, :, own], value[:, :, own]
            pieces += (in_one_call if query.is_cuda else in_blocks)(mine, before, scale)
    return torch.cat(pieces, 2).transpose(1, 2).contiguous(), None


Three = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
Two = tuple[torch.Tensor, torch.Tensor]


def in_one_call(own: Three, before: Two, scale: float | None) -> list[torch.Tensor]:
    """Attend to a prompt and to oneself by a bias that GPU kernels know: no mask is made."""
    query, key, value = own
    keys, values = torch.cat([before[0], key], 2), torch.cat([before[1], value], 2)
    bias: Any = causal_lower_right(query.shape[2], keys.shape[2])
    return [scaled_dot_product_attention(query, keys, values, attn_mask=bias, scale=scale)]


def in_blocks(own: Three, before: Two, scale: float | None) -> list[torch.Tensor]:
    """Do the same with a mask for some queries at a time, which needs no kernel of a kind."""
    query, key, value = own
    prompt, length = before[0].shape[2], query.shape[2]
    done: list[torch.Tensor] = []
    for at in range(0, length, QUERY_BLOCK):
        end = min(at + QUERY_BLOCK, length)
        keys, values = torch.cat([before[0], key[:, :, :end]], 2), torch.cat([before[1], value[:, :, :end]], 2)
        mask = torch.ones((end - at, prompt + end), dtype=torch.bool, device=query.device).tril(prompt + at)
        done.append(scaled_dot_product_attention(query[:, :, at:end], keys, values, attn_mask=mask, scale=scale))
    return done


def _mask(*args: Any, **kwargs: Any) -> torch.Tensor | None:
    if _packed.get():
        return None
    from transformers.masking_utils import sdpa_mask

    made: torch.Tensor | None = sdpa_mask(*args, **kwargs)
    return made
