"""The model that is trained: found, opened, and told apart by the hashes of its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peercycle.core.errors import UsageError
from peercycle.core.identity import template_hash, tokenizer_hash
from peercycle.trainers.extras import require_train
from peercycle.trainers.faults import fault_of

ADAPTER_FILE = "adapter_config.json"


def folder_of(base: str) -> Path:
    """Return the folder of a model's files: a path as it is, a hub's name from the local cache or the hub.

    The folder of an adapter is one, too. Raises `UsageError` for what is neither.
    """
    path = Path(base)
    if path.is_dir():
        if not any((path / name).is_file() for name in ("config.json", ADAPTER_FILE)):
            raise UsageError(f"{base!r} holds no config.json; name the folder of a model")
        return path
    if path.is_absolute() or base.startswith("."):
        raise UsageError(f"there is no model at {base!r}")
    require_train("transformers")
    from transformers.utils.hub import cached_file

    try:
        found = cached_file(base, "config.json")
    except (OSError, ValueError) as error:
        raise UsageError(f"there is no model {base!r}: {str(error).splitlines()[0]}") from None
    return Path(str(found)).parent


def load_tokenizer(base: str, *, needs_template: bool = False) -> Any:
    """Return the tokenizer of a model. Raises `UsageError` where it has none, or no chat template."""
    require_train("transformers")
    from transformers import AutoTokenizer

    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(base)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{base!r} has no tokenizer that can be loaded: {fault_of(error).splitlines()[0]}") from None
    if needs_template and not tokenizer.chat_template:
        raise UsageError(f"the tokenizer of {base!r} has no chat template; conversations cannot be tokenised with it")
    return tokenizer


def hashes_of(base: str) -> tuple[str | None, str | None]:
    """Return the hashes of a model's tokenizer and chat template, None for what its folder lacks."""
    folder = folder_of(base)
    return tokenizer_hash(folder), template_hash(folder)
