"""Keeping a report readable however long the run was: the whole is in `report.json`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

MOST_BYTES = 900_000
_LEVELS = ((500, 200), (300, 80), (160, 30), (80, 10))
"""Longest text in characters and longest list, from generous to strict."""


def shortened(data: Any, text: int, items: int) -> Any:
    """Return a JSON value with long texts cut, and long lists kept at their two ends only."""
    if isinstance(data, str):
        return data if len(data) <= text else data[: text - 1].rstrip() + "…"
    if isinstance(data, Mapping):
        return {key: shortened(value, text, items) for key, value in data.items()}
    if isinstance(data, list | tuple):
        kept = list(data) if len(data) <= items else [*data[: items // 2], *data[-(items - items // 2) :]]
        return [shortened(value, text, items) for value in kept]
    return data


def fitting(data: Mapping[str, Any], write: Callable[[Mapping[str, Any]], str]) -> bytes:
    """Return what `write` makes of the data, shortened until it fits into `MOST_BYTES`."""
    body = b""
    for text, items in _LEVELS:
        given = shortened(data, text, items)
        body = write({**given, "shortened": given != data}).encode("utf-8", "replace")
        if len(body) <= MOST_BYTES:
            break
    return body
