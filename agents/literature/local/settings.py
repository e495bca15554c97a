"""Settings of the local source."""

from __future__ import annotations

from pydantic import Field

from peercycle.core.base import Word


class LocalSettings(Word):
    """Where to look, and how titles weigh."""

    corpora: tuple[str, ...] = ()
    """Paths of `.bib` and `.jsonl` files to search beside the task's own bibliography."""
    title_weight: float = Field(default=3.0, gt=0)
    """How much more a term in the title counts than one in the abstract (a column weight of BM25)."""
    cache: str | None = None
    """Folder of the corpora's indexes; none means the user's cache folder."""
