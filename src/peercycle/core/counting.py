"""Counts in messages."""

from __future__ import annotations


def counted(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun: `1 work`, `2 works`; `many` where an s does not do, as in `2 queries`."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"
