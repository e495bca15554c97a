"""What training needs beside the core, said in one line where it is absent."""

from __future__ import annotations

import importlib.util

from peercycle.core.errors import UsageError

NEEDED = ("torch", "transformers", "accelerate", "peft", "datasets")


def require_train(*names: str) -> None:
    """Raise `UsageError` where a package of the `train` extra is absent; imports nothing."""
    absent = [name for name in names or NEEDED if importlib.util.find_spec(name) is None]
    if absent:
        raise UsageError(f"training needs {', '.join(absent)}: pip install 'peercycle[train]'")
