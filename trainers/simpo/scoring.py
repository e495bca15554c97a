"""Episodes' log-probabilities from a causal model: its body as it is, its head in tiles.

The model's own `forward` is extended, not replaced: handed a layout, it returns each episode's sum; handed anything
else, it does what it did. So everything that wraps a forward pass (FSDP, DDP, autocast) wraps ours too.
"""

from __future__ import annotations

import types
from contextlib import nullcontext
from typing import Any

import torch

from peercycle.core.errors import UsageError
from peercycle.trainers.simpo.attention import GROUPS, packed_rows
from peercycle.trainers.simpo.head import episode_sums, head_settings
from peercycle.trainers.simpo.layout import Layout

_CHANGES_LOGITS = ("final_logit_softcapping", "logit_scale", "logits_scaling", "lm_head_multiplier")
"""Settings by which an architecture changes its logits after the head; a head of ours would not."""


def install(model: Any, tile_mb: int | None, *, recompute: bool | None = None) -> None:
    """Teach a causal language model to score layouts: `model(layout=…)` returns the sums, float64.

    Raises `UsageError` for an architecture whose head is more than a matrix.
    """
    inner = causal_model(model)
    head = inner.get_output_embeddings()
    if type(head) is not torch.nn.Linear:
        raise UsageError(
            f"the head of {type(inner).__name__} is a {type(head).__name__}; `simpo` needs a plain matrix"
        )
    for name in _CHANGES_LOGITS:
        if getattr(text_config(model), name, None) not in (None, 1, 1.0):
            raise UsageError(
                f"{type(inner).__name__} changes its logits after the head ({name}), which `simpo` does not"
            )
    original = model.forward

    def forward(_: Any, *args: Any, layout: Layout | None = None, **kwargs: Any) -> Any:
        if layout is None:
            return original(*args, **kwargs)
        return _score(inner, layout, tile_mb, recompute)

    model.forward = types.MethodType(forward, model)


def causal_model(model: Any) -> Any:
    """Return the causal model itself, below an adapter's wrapping."""
    get = getattr(model, "get_base_model", None)
    return model if get is None else get()


def text_config(model: Any) -> Any:
    """Return the configuration of the text part."""
    return causal_model(model).config.get_text_config()


def _whole(value: Any) -> Any:
    """Return a head's tensor as this process can multiply with it, gathered where a strategy left it in shards."""
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def _score(inner: Any, layout: Layout, tile_mb: int | None, recompute: bool | None) -> torch.Tensor:
    head = inner.get_output_embeddings()
    layout = layout.to(head.weight.device)
    extra: dict[str, Any] = {GROUPS: layout.groups} if layout.groups else {}
    if layout.positions is not None:
        extra["position_ids"] = layout.positions
    with packed_rows() if layout.groups else nullcontext():
        body = inner.get_decoder()(input_ids=layout.ids, use_cache=False, **extra)
    hidden = body[0].flatten(0, 1)[layout.predictors]
    weight, bias = _whole(head.weight), _whole(head.bias)
    device = weight.device.type
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
        hidden, weight = hidden.to(dtype), weight.to(dtype)
        bias = None if bias is None else bias.to(dtype)
    else:
        hidden = hidden.to(weight.dtype)
    settings = head_settings(weight, len(layout.counts), tile_mb, recompute=recompute)
    return episode_sums(hidden, weight, bias, layout.targets, layout.counts, settings)
