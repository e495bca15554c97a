"""BibTeX files to words and back: `read` never fails, `write` compiles."""

from __future__ import annotations

from peercycle.agents.literature.bibtex.reader import read
from peercycle.agents.literature.bibtex.writer import write

__all__ = ["read", "write"]
