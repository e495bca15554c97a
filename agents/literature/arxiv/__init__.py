"""arXiv: preprints by identifier, and search over them."""

from __future__ import annotations

from peercycle.agents.literature.arxiv.source import Arxiv, ArxivSettings

__all__ = ["Arxiv", "ArxivSettings"]
