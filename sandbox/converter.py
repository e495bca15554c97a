"""Pandoc, which comes with peercycle, lent to programs: in the environment `pandoc`."""

from __future__ import annotations

from pathlib import Path

from peercycle.core.errors import SandboxError


def pandoc() -> Path:
    """Return the program. Raises `SandboxError` where there is none."""
    import pypandoc

    try:
        path = Path(pypandoc.get_pandoc_path())
    except OSError as error:
        raise SandboxError("no pandoc for the environment 'pandoc': pip install pypandoc_binary") from error
    return path.resolve()


def pandoc_version() -> str:
    """Return what names the pandoc that is lent."""
    import pypandoc

    pandoc()
    return f"pandoc {pypandoc.get_pandoc_version()}"
