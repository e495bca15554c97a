"""Tiny models with random weights: nothing is downloaded."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import Any

KINDS = ("llama", "mistral", "qwen2", "qwen3", "phi3")


def tiny_config(kind: str, *, vocabulary: int = 256, **more: Any) -> Any:
    """Return the configuration of a two-layer model with grouped-query attention."""
    from transformers import CONFIG_MAPPING

    options: dict[str, Any] = {
        "vocab_size": vocabulary,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1024,
        "bos_token_id": None,
        "eos_token_id": 2,
        "pad_token_id": 0,
        # Random weights of the usual size make every next token nearly as likely: nothing would be told apart.
        "initializer_range": 0.2,
    }
    special: dict[str, dict[str, Any]] = {
        "mistral": {"sliding_window": None},
        "qwen3": {"head_dim": 8},
    }
    return CONFIG_MAPPING[kind](**{**options, **special.get(kind, {}), **more})


def tiny_model(kind: str, *, seed: int = 0, **more: Any) -> Any:
    """Return the model."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    make: Any = AutoModelForCausalLM.from_config
    return make(tiny_config(kind, **more))


def tiny_folder(kind: str = "llama") -> Path:
    """Return a folder of such a model, the same one in every process of this user."""
    import transformers

    shared = Path(gettempdir()) / f"peercycle-tiny-{os.getuid()}-{transformers.__version__}"
    shared.mkdir(mode=0o700, exist_ok=True)
    folder = shared / f"{kind}-1"
    if not folder.is_dir():
        aside = Path(mkdtemp(dir=shared))
        tiny_model(kind).save_pretrained(aside)
        with suppress(OSError):  # where another process was first, with the same bytes
            aside.rename(folder)
    return folder
