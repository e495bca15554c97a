"""How a model is loaded into this process, and how much it answers at once."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from peercycle.core.base import JSON, Word


class TransformersSettings(Word):
    """Which weights, where they lie, and the bounds of a batch."""

    model: str = Field(
        description="write transformers/MODEL, a folder, a name on the Hugging Face hub or a preset, such as "
        "--model transformers/weights/mine"
    )
    """A folder, a name on the Hugging Face hub, or a preset (`peercycle doctor` lists them)."""
    revision: str | None = None
    """Branch, tag or commit on the hub."""
    adapter: str | None = None
    """Folder of a LoRA adapter, put on the weights (needs peft)."""
    dtype: Literal["auto", "float32", "bfloat16", "float16", "float64"] = "auto"
    """`auto` is what the weights were saved in."""
    device: str = "auto"
    """`cpu`, `cuda`, `cuda:1`; `auto` is the first GPU, else the processor."""
    device_map: str | dict[str, int | str] | None = None
    """Spread over several devices, as accelerate has it: `auto`, or a map by module."""
    max_memory: dict[str, str] | None = None
    """Memory by device for `device_map`: `{"0": "20GiB", "cpu": "60GiB"}`."""
    max_batch: int = Field(default=32, ge=1)
    """Answers sampled side by side. A batch that does not fit into memory is halved by itself."""
    max_model_len: int | None = Field(default=None, ge=1)
    """Tokens of prompt and answer together; None is what the weights' configuration says."""
    max_tokens: int = Field(default=2048, ge=1)
    """Tokens of an answer where the request does not say."""
    chat_template: str | None = None
    """A Jinja file that goes before the tokenizer's own template."""
    chat_template_kwargs: dict[str, JSON] = {}
    """Handed to the template, such as `{"enable_thinking": false}`."""
    local_files_only: bool = False
    """Never ask the hub: only folders and what was downloaded before."""
