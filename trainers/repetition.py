"""A sentinel of collapse: how much of a text says again what it has said."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

LENGTH = 4
"""Of the runs of tokens that are compared."""


def repetition(tokens: Sequence[Hashable]) -> float:
    """Return the share of 4-grams that stood in the text before, from 0 to nearly 1; 0 for a text of fewer tokens."""
    grams = [tuple(tokens[at : at + LENGTH]) for at in range(len(tokens) - LENGTH + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0
