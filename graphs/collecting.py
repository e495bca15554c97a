"""How often Python looks for garbage in a process that is there to drive runs."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS = 10_000
"""Python by itself looks after 700, and through everything each hundredth time, which stops all runs for as long as
some stages take. A stage leaves five objects behind that only such a look finds."""

_BEFORE: list[tuple[int, int, int]] = []
"""Of each run that is driven now, what held when it began; the first is the process's own."""


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Look for garbage less often while any run is driven. Only where the process is there for runs: it is its own."""
    _BEFORE.append(gc.get_threshold())
    gc.set_threshold(max(NEW_OBJECTS, _BEFORE[0][0]), *_BEFORE[0][1:])
    try:
        yield
    finally:
        before = _BEFORE.pop()
        if not _BEFORE:
            gc.set_threshold(*before)
