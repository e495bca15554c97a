"""The literature at hand: the task's own bibliography, and any `.bib` or JSONL corpus, in SQLite's FTS5."""

from __future__ import annotations

from peercycle.agents.literature.local.settings import LocalSettings
from peercycle.agents.literature.local.source import LocalLiterature

__all__ = ["LocalLiterature", "LocalSettings"]
