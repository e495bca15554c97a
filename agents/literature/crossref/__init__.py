"""Crossref: what publishers register of their works, retractions included."""

from __future__ import annotations

from peercycle.agents.literature.crossref.source import Crossref, CrossrefSettings

__all__ = ["Crossref", "CrossrefSettings"]
