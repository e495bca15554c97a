"""Semantic Scholar, through the `semanticscholar` package and our transport."""

from __future__ import annotations

from peercycle.agents.literature.semantic_scholar.settings import SemanticScholarSettings
from peercycle.agents.literature.semantic_scholar.source import SemanticScholar

__all__ = ["SemanticScholar", "SemanticScholarSettings"]
