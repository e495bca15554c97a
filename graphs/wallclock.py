"""The machine's clock, held against one that nobody can set."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peercycle.graphs.openrun import OpenRun

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


async def tell_jump_while_stopped(run: OpenRun) -> None:
    """Say that the machine's clock was set back since the log's last line, by how much at least."""
    lines = await run.store.events(after=await run.store.last_event() - 1)
    back = max((event.at for _, event in lines), default=0.0) - time.time()
    if back > LEAST_JUMP_S:
        said = told_jump(f"{back:,.0f} s or more while the run was stopped", run.options.budget.until)
        await run.emit("log", said, data={"warning": True})


def told_jump(how_far: str, until: float | None) -> str:
    """Return what a run's log says of a clock that was set back; `until` is the run's own last moment, if it has one."""
    counts = "; --until counts by the clock as it is now" if until is not None else ""
    return f"the clock went back by {how_far}: the time worked so far stands{counts}"
