"""From a name to weights in memory; what is missing or gated is said in one line."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peercycle.agents.models.presets import resolve
from peercycle.agents.models.transformers.settings import TransformersSettings
from peercycle.agents.models.weights import fetched, first_line
from peercycle.core.base import sha256_hex
from peercycle.core.errors import ModelUnavailableError
from peercycle.core.identity import Identity, identify

if TYPE_CHECKING:
    from peercycle.agents.models.transformers.engine import Engine

INSTALL = "pip install 'peercycle[transformers]'"


def load(settings: TransformersSettings, ending: threading.Event) -> Engine:
    """Return an engine with its weights loaded. Raises `ModelUnavailableError`."""
    try:
        import torch
        import transformers as library
    except ImportError as error:
        raise ModelUnavailableError(f"the transformers engine needs {error.name}: {INSTALL}") from None
    from peercycle.agents.models.transformers.engine import Engine

    # Half of the library is untyped.
    transformers: Any = library
    # Its bars would be drawn over the screen of the run.
    transformers.utils.logging.disable_progress_bar()
    name = resolve(settings.model)
    folder = fetched(name, settings.revision, local_only=settings.local_files_only)
    device = _device(settings.device, torch)
    placed: dict[str, Any] = {"device_map": settings.device_map} if settings.device_map else {}
    if settings.max_memory:
        placed["max_memory"] = {int(k) if k.isdigit() else k: v for k, v in settings.max_memory.items()}
    try:
        # From the folder and never by name: given a name, the library asks the hub even where it is told not to.
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=settings.dtype, local_files_only=True, **placed
        )
    except (OSError, ValueError, ImportError) as error:
        raise ModelUnavailableError(f"no model can be loaded from {str(folder)!r}: {first_line(error)}") from error
    if settings.adapter:
        model = _adapted(model, settings.adapter)
    if not settings.device_map:
        model = model.to(device)
    model.eval()
    if settings.chat_template:
        tokenizer.chat_template = _read_template(settings.chat_template)
    return Engine(settings, name, model, tokenizer, _identity(folder, settings, tokenizer), ending)


def _device(wanted: str, torch: Any) -> str:
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted.startswith("cuda") and not torch.cuda.is_available():
        raise ModelUnavailableError(
            f"device {wanted!r} was asked for, and torch sees no GPU here; set device = 'cpu'"
        )
    return wanted


def _adapted(model: Any, adapter: str) -> Any:
    try:
        from peft import PeftModel
    except ImportError:
        raise ModelUnavailableError("an adapter needs peft: pip install 'peercycle[train]'") from None
    try:
        return PeftModel.from_pretrained(model, adapter)
    except (OSError, ValueError) as error:
        raise ModelUnavailableError(f"the adapter {adapter!r} cannot be loaded: {first_line(error)}") from error


def _read_template(path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelUnavailableError(f"the chat template {path!r} cannot be read: {error}") from None


def _identity(folder: Path, settings: TransformersSettings, tokenizer: Any) -> Identity:
    found = identify(folder)
    template = tokenizer.chat_template
    if isinstance(template, str):
        found = replace(found, template=sha256_hex(template.encode()))
    if settings.adapter and found.weights:
        adapter = identify(Path(settings.adapter).expanduser()).weights or settings.adapter
        found = replace(found, weights=f"{found.weights}+{adapter}")
    return found
