"""Telling of a queue's runs while they are driven: that one began, what it does, how it ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from peercycle.cli.driving import launch_of
from peercycle.cli.following import Followers

if TYPE_CHECKING:
    from peercycle.cli.queue import Batch
    from peercycle.cli.screens import Screen
    from peercycle.graphs.many import Outcome


class Telling:
    """Tells the screen and the report of a batch's runs; of endings one after another, in the order they came."""

    def __init__(self, batch: Batch, screen: Screen) -> None:
        self.followers = Followers(screen)
        self._batch = batch
        self._screen = screen
        self._endings: list[asyncio.Task[None]] = []

    def launched(self, index: int, run: Any) -> None:
        """Tell that the run of a task was launched, and follow it."""
        batch = self._batch
        launch = launch_of(run, batch.tasks[index].task.topic, resumed=index in batch.after)
        batch.report.launched(batch.rows[index], launch)
        self._screen.launched(launch)
        self.followers.begin(launch.run_id, launch.path, after=batch.after.get(index, 0))

    def done(self, outcome: Outcome) -> None:
        """Tell how a task ended, after those that ended before it."""
        previous = self._endings[-1] if self._endings else None
        last = len(self._endings) + 1 == len(self._batch.tasks)
        self._endings.append(asyncio.create_task(self._end(outcome, last, previous)))

    async def all_told(self) -> None:
        """Wait for every ending, then raise what the first of them that failed raised.

        Cancelled, it calls off those that are left: what they tell with is closed next.
        """
        try:
            if self._endings:
                await asyncio.wait(self._endings)
        except asyncio.CancelledError:
            for ending in self._endings:
                ending.cancel()
            await asyncio.gather(*self._endings, return_exceptions=True)
            raise
        for ending in self._endings:
            ending.result()

    async def _end(self, outcome: Outcome, last: bool, previous: asyncio.Task[None] | None) -> None:
        from peercycle.cli.failures import failed_experiments

        if previous is not None:
            await asyncio.wait([previous])
        failures: tuple[str, ...] = ()
        if outcome.result is not None:
            await self.followers.end(outcome.result.run_id)
            failures = await failed_experiments(outcome.result)
        report, screen = self._batch.report, self._screen
        await asyncio.to_thread(report.ended, self._batch.rows[outcome.index], outcome, failures)
        told = f"report of all {len(report.rows)}: {report.path / 'report.md'}"
        if last and screen.ends_with_done:
            screen.note(told, queue=str(report.path))
        if outcome.result is not None:
            screen.done(outcome.result, failures)
        else:
            screen.not_begun(self._batch.tasks[outcome.index].line, outcome.task.topic, outcome.error or "")
        if last and not screen.ends_with_done:
            screen.note(told)
