"""What the rubric gets wrong in the trial, edit by edit: on which papers, and why. A star is a paper's poor version."""

from __future__ import annotations

KNOWN_MISSES: dict[str, tuple[tuple[str, ...], str]] = {}
"""Papers and reason by edit. The rubric was mended against this trial, which therefore is no longer unseen."""
