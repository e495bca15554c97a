"""Following a run's log as it grows, in this process's run or another's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from peercycle.core.events import RunEvent
    from peercycle.core.journal import CandidateRow
    from peercycle.core.runs import SpendingLine

EVERY_S = 0.25
"""How often the log is read for new lines."""


class Listener(Protocol):
    """Who is told what happens in a run."""

    def event(self, event: RunEvent) -> None:
        """A line was added to its log."""
        ...

    def spending(self, run_id: str, lines: tuple[SpendingLine, ...]) -> None:
        """Its spending was read."""
        ...

    def score(self, run_id: str, rating: float | None) -> None:
        """The best version of it has this rating now."""
        ...


async def follow(run_id: str, path: Path, listener: Listener, *, after: int = 0) -> None:
    """Report every line of a run's log beyond a row id, until cancelled; then once more what came meanwhile."""
    from peercycle.core.errors import StoreError
    from peercycle.store.directory import read_run

    reader, seen = read_run(path), after

    async def look() -> None:
        nonlocal seen
        # A busy or full disk must not end a run because its display could not read.
        with suppress(StoreError):
            selected = False
            for row_id, event in await reader.events(after=seen):
                seen = row_id
                listener.event(event)
                selected |= event.kind == "selected"
            listener.spending(run_id, await reader.spending())
            if selected:
                listener.score(run_id, best_rating(await reader.candidates()))

    try:
        while True:
            await look()
            await asyncio.sleep(EVERY_S)
    finally:
        await asyncio.shield(look())


def best_rating(rows: tuple[CandidateRow, ...]) -> float | None:
    """Return the rating of the version that was selected last."""
    return next((row.rating for row in reversed(rows) if row.selected), None)


class Followers:
    """The followers of the runs of this process."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, run_id: str, path: Path, *, after: int = 0) -> None:
        """Follow one more run, from beyond a row id of its log."""
        self._tasks[run_id] = asyncio.create_task(
            follow(run_id, path, self._listener, after=after), name=f"follow {run_id}"
        )

    async def end(self, run_id: str) -> None:
        """Report the last lines of a run, and stop."""
        task = self._tasks.pop(run_id, None)
        if task is not None:
            task.cancel()
            # Its cancellation is not ours, which is heard.
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()

    async def end_all(self) -> None:
        """Stop following every run."""
        for run_id in list(self._tasks):
            await self.end(run_id)


async def lines_of(path: Path, *, go_on: bool) -> AsyncIterator[RunEvent]:
    """Yield a run's log; where `go_on`, wait for more until nobody drives the run."""
    from peercycle.store.directory import read_run, run_status

    reader, seen = read_run(path), 0
    while True:
        driven = go_on and await asyncio.to_thread(run_status, path) == "running"
        for row_id, event in await reader.events(after=seen):
            seen = row_id
            yield event
        if not driven:
            return
        await asyncio.sleep(EVERY_S)
