"""A policy without a model: it writes a systematic map of the given literature, and measures it."""

from __future__ import annotations

from peercycle.agents.policies.extractive.policy import ExtractivePolicy
from peercycle.agents.policies.extractive.settings import ExtractiveSettings

__all__ = ["ExtractivePolicy", "ExtractiveSettings"]
