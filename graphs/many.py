"""Many runs in one process: one failure domain each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from peercycle.core.errors import PeercycleError
from peercycle.core.journal import CandidateRow
from peercycle.core.reviews import Assessment
from peercycle.core.runs import EndReason, RunOptions, RunStatus
from peercycle.core.writing import Manuscript, ResearchTask
from peercycle.graphs.driver import start
from peercycle.graphs.pool import current_pool
from peercycle.graphs.result import RunResult
from peercycle.graphs.signals import draining_on_signals
from peercycle.plugins.manager import Plugins


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one task of a queue ended: with a result, or with why it never began or broke off.

    It answers as a `RunResult` does, so that whoever asks after every task need not tell the two apart.
    """

    index: int
    task: ResearchTask
    result: RunResult | None
    error: str | None = None
    begun: bool = True
    """False where the queue ended before this task's turn."""

    @property
    def path(self) -> Path | None:
        """The run directory; None where there is none."""
        return self.result.path if self.result else None

    @property
    def status(self) -> RunStatus:
        """How the run ended: `failed` where it broke off, `stopped` where it was never begun."""
        return self.result.status if self.result else "failed" if self.begun else "stopped"

    @property
    def reason(self) -> EndReason | None:
        """Why it ended; `error` where it broke off."""
        return self.result.reason if self.result else "error" if self.begun else "drained"

    @property
    def message(self) -> str:
        """What there is to say of it."""
        return self.result.message if self.result else self.error or ""

    @property
    def paper(self) -> Manuscript | None:
        """The best version."""
        return self.result.paper if self.result else None

    @property
    def assessment(self) -> Assessment | None:
        """The steering reviewer's, of the best version."""
        return self.result.assessment if self.result else None

    @property
    def rating(self) -> float | None:
        """The rating of the best version."""
        return self.result.rating if self.result else None

    @property
    def candidates(self) -> tuple[CandidateRow, ...]:
        """Every version of every candidate."""
        return self.result.candidates if self.result else ()


@dataclass(slots=True)
class Gate:
    """Whether a queue may begin further tasks: a signal shuts it, and so does the time given with `until`."""

    shut: str | None = None

    def drain(self, reason: EndReason, message: str) -> None:
        """Begin no further task."""
        self.shut = self.shut or message

    def objection(self, options: RunOptions) -> str | None:
        """Return why a task may not begin any more, or None."""
        until = options.budget.until
        if self.shut is None and until is not None and time.time() >= until:
            return "the time given with --until has come"
        return self.shut


async def start_many(
    jobs: Sequence[tuple[ResearchTask, RunOptions]],
    plugins: Plugins,
    *,
    parallel: int = 8,
    on_launch: Callable[[int, Any], None] | None = None,
    on_done: Callable[[Outcome], None] | None = None,
    begin: Callable[[int, Callable[[Any], None] | None], Awaitable[RunResult]] | None = None,
    in_loop: bool = True,
) -> tuple[Outcome, ...]:
    """Run every task, at most `parallel` at once. One failure never ends the queue.

    `begin` drives the run of a task, given its index, where it is not simply to be started: one may be there already.
    `in_loop` as in `start`: False in a server, whose loop must not wait for the disk.
    """
    slots, gate = asyncio.Semaphore(parallel), Gate()

    async def one(index: int, task: ResearchTask, options: RunOptions) -> Outcome:
        async with slots:
            try:
                if why := gate.objection(options):
                    outcome = Outcome(index, task, None, f"not begun: {why}", begun=False)
                else:
                    launched = partial(on_launch, index) if on_launch else None
                    driven = (
                        begin(index, launched)
                        if begin
                        else start(task, options, plugins, on_launch=launched, in_loop=in_loop)
                    )
                    outcome = Outcome(index, task, await driven)
            except PeercycleError as error:
                outcome = Outcome(index, task, None, str(error))
            except Exception as error:  # noqa: BLE001 - whatever broke this run, the others go on
                outcome = Outcome(index, task, None, f"{type(error).__name__}: {error}")
        if on_done:
            on_done(outcome)
        return outcome

    with draining_on_signals(gate):
        async with current_pool().keeping_models():
            return tuple(await asyncio.gather(*[one(i, task, options) for i, (task, options) in enumerate(jobs)]))
