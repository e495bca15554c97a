"""How long a person waits for a command that asks the network, counted from when its process was started.

The sources are given what starting left over, less something for the end: so the limit holds on a loaded machine, too,
where starting alone takes seconds.
"""

from __future__ import annotations

import os
import time
from contextvars import ContextVar
from pathlib import Path

WHOLE_S = 15.0
"""Until there is an answer or an error."""
LONGEST_QUESTION_S = 12.0
SHORTEST_QUESTION_S = 1.0
ENDING_S = 1.0
"""Kept back for printing and leaving; half of what starting took, where that is more."""
OLDEST_S = 60.0
"""A process that has only been starting is no older; what says so is another clock's."""

BEGUN: ContextVar[float | None] = ContextVar("peercycle_begun", default=None)
"""When the command in hand began, by the monotonic clock."""

_imported = time.monotonic()


def process_began() -> float:
    """Return when this process was started, by the monotonic clock; this import, where the system does not tell."""
    try:
        # The 22nd field, counted behind the name in parentheses: clock ticks after the machine was booted.
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return _imported
    return time.monotonic() - age if 0 <= age <= OLDEST_S else _imported


def question_seconds() -> float:
    """Return how many seconds the sources may take, if they are asked now."""
    begun = BEGUN.get()
    spent = 0.0 if begun is None else time.monotonic() - begun
    left = WHOLE_S - spent - max(ENDING_S, spent / 2)
    return min(LONGEST_QUESTION_S, max(SHORTEST_QUESTION_S, left))
