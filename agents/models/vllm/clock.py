"""An engine's time, shared among those whom it serves at once."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(slots=True)
class SharedClock:
    """Shares an engine's time among the requests that are on their way: two at once pay half a second each a second."""

    _paid: float = 0.0
    """What one request on its way since the beginning would have paid."""
    _flying: int = 0
    _at: float = 0.0

    def begin(self) -> float:
        """Return what a request that begins now owes nothing of."""
        self._turn(+1)
        return self._paid

    def end(self, share: float) -> float:
        """Return the seconds of a request that ends now."""
        self._turn(-1)
        return self._paid - share

    def _turn(self, change: int) -> None:
        now = time.monotonic()
        if self._flying:
            self._paid += (now - self._at) / self._flying
        self._at, self._flying = now, self._flying + change
