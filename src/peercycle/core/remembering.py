"""Functions of one text that remember what they found: a paper's sentences are asked about again and again.

A reviewer holds a sentence against many checks, again with the numbers of sources taken out elsewhere in the paper,
and again in the next round, when most of the paper is as it was. Few long texts are kept, for what is found in one of
50,000 letters may take megabytes, and a process may live for long.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

T = TypeVar("T")

_SHORT, _SHORT_KEPT = 1_000, 2_048
_LONG, _LONG_KEPT = 50_000, 8
_forgetting: list[Callable[[], None]] = []


def remembered(function: Callable[[str], T]) -> Callable[[str], T]:
    """Remember what `function` found in the last 2048 sentences and the last 8 sections; nothing longer is kept.

    The function depends on nothing but its text, and returns what nobody changes. Threads may share it.
    """
    of_short, of_long = lru_cache(_SHORT_KEPT)(function), lru_cache(_LONG_KEPT)(function)
    _forgetting.extend((of_short.cache_clear, of_long.cache_clear))

    @wraps(function)
    def remembering(text: str) -> T:
        if len(text) <= _SHORT:
            return of_short(text)
        return of_long(text) if len(text) <= _LONG else function(text)

    return remembering


def forget() -> None:
    """Let every such function begin anew, as whoever takes their time wants it."""
    for clear in _forgetting:
        clear()
