"""OpenAlex: works, citation graph and retractions, for those who have a key."""

from __future__ import annotations

from peercycle.agents.literature.openalex.source import OpenAlex, OpenAlexSettings

__all__ = ["OpenAlex", "OpenAlexSettings"]
