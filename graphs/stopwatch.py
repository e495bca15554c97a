"""How long an execution took, seen from outside: one that is cancelled returns no duration of its own."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(slots=True)
class Stopwatch:
    """Measures what is done inside its `with`."""

    seconds: float = 0.0
    """How long it took; 0 where it never began."""
    _began: float = 0.0

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self._began
