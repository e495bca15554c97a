"""A circuit breaker per host: after several failures in a row, nobody of this process asks it for a while."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

FAILURES = 3
"""Requests given up in a row after which the circuit opens."""
PAUSE_S = 30.0
"""How long it stays open; then one request is let through, and decides."""


@dataclass(slots=True)
class Breaker:
    """What is known of one host's health."""

    failures: int = 0
    open_until: float = 0.0
    """By the monotonic clock."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def seconds_closed_off(self) -> float:
        """Return for how long nobody may ask; 0 lets the caller through, and makes others wait for what it finds."""
        with self._lock:
            if self.failures < FAILURES:
                return 0.0
            left = self.open_until - time.monotonic()
            if left > 0:
                return left
            self.open_until = time.monotonic() + PAUSE_S
            return 0.0

    def succeeded(self) -> None:
        """Close the circuit."""
        with self._lock:
            self.failures = 0

    def failed(self) -> None:
        """Count a request that was given up."""
        with self._lock:
            self.failures += 1
            self.open_until = time.monotonic() + PAUSE_S


_BREAKERS: dict[str, Breaker] = {}
_LOCK = threading.Lock()


def breaker_of(host: str) -> Breaker:
    """Return the breaker of a host, shared by all sources and runs of this process."""
    with _LOCK:
        return _BREAKERS.setdefault(host, Breaker())
