"""The machine's clock, held against one that nobody can set."""

from __future__ import annotations

import time

LEAST_JUMP_S = 5.0
"""A clock that is put right by no more than this is not worth a word."""


class WallClock:
    """Tells by how much the machine's clock was set back since it was last asked."""

    def __init__(self) -> None:
        self._ahead = time.time() - time.monotonic()

    def went_back(self) -> float:
        """Return the seconds of a jump back of more than `LEAST_JUMP_S` since the last call, else 0."""
        ahead = time.time() - time.monotonic()
        back, self._ahead = self._ahead - ahead, ahead
        return back if back > LEAST_JUMP_S else 0.0
