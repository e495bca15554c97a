"""CPU time of a piece of work, as a test of growth can use it on a machine with neighbours."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable


def cpu_seconds(work: Callable[[], object], *, tries: int = 3, before: Callable[[], object] | None = None) -> float:
    """Return the least CPU seconds of several tries, garbage collection off: what lengthens one try is not the work's.

    Where a try would find what an earlier one left, `before` is done ahead of each, outside the time.
    A collection in a process that has run thousands of tests takes a third of a second, wherever it falls.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        return min(_once(work, before) for _ in range(tries))
    finally:
        if enabled:
            gc.enable()


def _once(work: Callable[[], object], before: Callable[[], object] | None) -> float:
    if before is not None:
        before()
    begin = time.process_time()
    work()
    return time.process_time() - begin
