"""A run open for writing by its one driver: the journal, the log and the tables behind `RunStore`."""

from __future__ import annotations

import asyncio
import math
import sqlite3
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from peercycle.core.base import JSON
from peercycle.core.errors import StoreError, UsageError
from peercycle.core.events import RunEvent
from peercycle.core.experiments import Execution, Measurement
from peercycle.core.journal import CandidateRow, EffectKey, EffectOutcome, EffectTicket, Question
from peercycle.core.modelling import ModelRequest, ModelResult, Usage
from peercycle.core.outlasting import outlast, outlast_each
from peercycle.core.reviews import Assessment, Reward
from peercycle.core.runs import RunRecord
from peercycle.store import budget, candidates, completions, effects, events, questions
from peercycle.store.artifacts import ARTIFACTS, FileArtifactStore, register_artifact
from peercycle.store.bodies import Body, fits_a_row, json_text, lay, plain_text
from peercycle.store.commits import begin, commit
from peercycle.store.database import DATABASE_FILE
from peercycle.store.executions import save_executions, save_measurements
from peercycle.store.lease import Lease
from peercycle.store.queues import CommitQueue, LoopQueue, ThreadQueue
from peercycle.store.reader import StoredRun
from peercycle.store.record import replace_record, save_run_row
from peercycle.store.runs import clear_stop, read_stop

T = TypeVar("T")


class RunDirectory(StoredRun):
    """A run directory and its lease; see `RunStore`. Made by `create_run` and `open_run`."""

    def __init__(self, path: Path, lease: Lease, commits: CommitQueue, fence: int, record: RunRecord) -> None:
        super().__init__(path)
        self._lease = lease
        self._fence = fence
        self._record = record
        self._commits = commits
        self._artifacts = FileArtifactStore(path / ARTIFACTS, self._register_artifact)
        self._lines: events.Lines | None = None
        self._unfinished: set[asyncio.Task[Any]] = set()
        self._closed: Future[None] | None = None
        """What the first call of `close` comes to; not a loop's, for the next call may be made in another one."""

    @property
    def fence(self) -> int:
        """This driver's fencing number."""
        return self._fence

    async def record(self) -> RunRecord:
        """Return the record as this driver wrote or found it."""
        return self._record

    async def write_record(self, record: RunRecord) -> None:
        """Replace `run.json`; its budget holds from the next effect on."""
        if record.run_id != self._record.run_id:
            raise UsageError(
                f"the record of run {record.run_id!r} cannot be written into run {self._record.run_id!r}"
            )

        def write(connection: sqlite3.Connection) -> None:
            # Inside the transaction: no newer driver can open the run between the fence's check and the rename.
            replace_record(self._path, record)
            save_run_row(connection, record)
            self._record = record

        await self._commits.write(write, slow=True)

    async def begin_effect(
        self, key: EffectKey, request: JSON, reserve: Usage, *, finishing: bool = False
    ) -> EffectOutcome | EffectTicket:
        """Return the journalled outcome, or record the intent and reserve the worst case, in one transaction."""
        body = await lay(self._artifacts, json_text(request, "a request"), "request")

        def intend(connection: sqlite3.Connection) -> effects.JournalledOutcome | EffectTicket:
            limits = self._record.options.budget
            return effects.begin(connection, key, body, reserve, limits, self._fence, finishing=finishing)

        found = await self._commits.write(intend, dropped=self._abandon)
        return found if isinstance(found, EffectTicket) else await self._outcome(found)

    async def settle_effect(self, ticket: EffectTicket, outcome: EffectOutcome) -> None:
        """Journal the outcome and turn the reservation into what was used; done also on cancellation."""
        text = None if outcome.result is None else json_text(outcome.result, "a result")
        if text is None or fits_a_row(text):
            # Handed in before anything waits: a cancellation comes too late to stop it.
            await self._settle(ticket, outcome, Body(text))
        else:
            await asyncio.shield(self._see_through(self._lay_and_settle(ticket, outcome, text)))

    async def release_effect(
        self, ticket: EffectTicket, error: str, used: Usage | None = None, raw: str | None = None
    ) -> None:
        """Give the reservation back after a failure that is no outcome; done also on cancellation."""
        message = plain_text(error)

        async def release(answered: Body) -> None:
            await self._commits.write(lambda c: effects.release(c, ticket, message, used, answered))

        async def lay_and_release(text: str) -> None:
            await release(await lay(self._artifacts, text, "result"))

        text = None if raw is None else json_text({"raw": raw}, "a result")
        if text is None or fits_a_row(text):
            # Handed in before anything waits: a cancellation comes too late to stop it.
            await release(Body(text))
        else:
            await asyncio.shield(self._see_through(lay_and_release(text)))

    async def add_wall_clock(self, seconds: float) -> None:
        """Add to the time that drivers have worked on this run: a length of a monotonic clock, never negative.

        Written with the next commit, or within 50 ms: it is there when the next effect asks what is left.
        """
        if not (math.isfinite(seconds) and seconds >= 0):
            raise UsageError(f"the time worked cannot grow by {seconds!r} seconds; measure it with a monotonic clock")
        self._commits.defer(lambda c: c.execute("UPDATE runs SET seconds_worked = seconds_worked + ?", (seconds,)))

    async def add_event(self, event: RunEvent) -> None:
        """Add to the log: written with the next commit, or within 50 ms. A crash may lose the last lines."""
        row = events.row_of(event)
        if self._lines is None or not self._lines.add(row):
            lines = events.Lines(row)
            self._commits.defer(lines.write)
            self._lines = lines

    async def save_candidate(self, row: CandidateRow) -> None:
        """Insert or replace by (candidate, round)."""
        state = await lay(self._artifacts, json_text(dict(row.state), "a candidate's state"), "candidate state")
        await self._commits.write(lambda connection: candidates.save_candidate(connection, row, state))

    async def mark_selected(self, candidate: str, round_: int) -> None:
        """Note that a saved version is the best so far."""
        await self._commits.write(lambda connection: candidates.mark_selected(connection, candidate, round_))

    async def save_completions(
        self,
        key: EffectKey,
        role: str,
        request: ModelRequest,
        result: ModelResult,
        accepted: bool | None = None,
    ) -> None:
        """Keep what a model was asked and said, a row per answer; `accepted=None` leaves an earlier verdict."""
        asked = await completions.lay_request(self._artifacts, request)
        rows = tuple(
            [
                await completions.lay_completion(self._artifacts, choice, completion)
                for choice, completion in enumerate(result.completions)
            ]
        )
        await self._commits.write(
            lambda connection: completions.save_completions(connection, key, role, asked, result, rows, accepted)
        )

    async def accept_completion(self, key: EffectKey, choice: int | None) -> None:
        """Mark one of an effect's completions as accepted and the others as not; None accepts none of them."""
        await self._commits.write(lambda connection: completions.accept_completion(connection, key, choice))

    async def save_assessment(
        self,
        candidate: str,
        round_: int,
        role: Literal["reviewer", "judge"],
        assessment: Assessment,
        reward: Reward | None,
    ) -> None:
        """Keep an assessment and one row per review, replacing what this role said of this version before."""
        bodies = [
            await lay(self._artifacts, json_text(review.model_dump(mode="json"), "a review"), "review")
            for review in assessment.reviews
        ]
        await self._commits.write(
            lambda c: candidates.save_assessment(c, candidate, round_, role, assessment, reward, bodies)
        )

    async def save_executions(
        self,
        candidate: str,
        stage: str,
        visit: int,
        executions: Sequence[Execution],
        measurements: Sequence[Measurement],
        durations: Mapping[str, tuple[float, float | None]],
    ) -> None:
        """Keep executions and measurements by (candidate, id); `durations`: seconds and peak MB by execution id."""

        def save(connection: sqlite3.Connection) -> None:
            save_executions(connection, candidate, stage, visit, executions, durations)
            save_measurements(connection, candidate, measurements)

        await self._commits.write(save)

    async def save_question(self, question: Question) -> None:
        """Insert or replace by id; a question saved without an answer is open again."""
        await self._commits.write(lambda connection: questions.save_question(connection, question))

    async def stop_requested(self) -> str | None:
        """Return what `stop` asked for (`drain`), or None."""
        # A look at one name, four times a second: a thread would cost twenty times as much.
        return read_stop(self._path)

    async def clear_stop(self) -> None:
        """Forget what `stop` asked for."""
        await asyncio.to_thread(clear_stop, self._path)

    async def close(self) -> None:
        """Flush, close and give the lease up; be cancelled only then. Safe to call twice: later calls wait, too."""
        if self._closed is not None:
            await outlast(asyncio.wrap_future(self._closed))
            return
        self._closed = closed = Future[None]()
        try:
            await outlast_each(self._in_hand())
        finally:
            try:
                await self._commits.close()
            finally:
                self._lease.release()
                closed.set_result(None)

    async def _settle(self, ticket: EffectTicket, outcome: EffectOutcome, body: Body) -> None:
        message = plain_text(outcome.error_message)
        await self._commits.write(lambda c: effects.settle(c, ticket, outcome, body, message))

    async def _lay_and_settle(self, ticket: EffectTicket, outcome: EffectOutcome, text: str) -> None:
        await self._settle(ticket, outcome, await lay(self._artifacts, text, "result"))

    def _abandon(self, found: effects.JournalledOutcome | EffectTicket) -> None:
        # The caller was cancelled before it had its ticket: nothing was done with it.
        if isinstance(found, EffectTicket):
            self._see_through(self.release_effect(found, "cancelled before it began"))

    def _in_hand(self) -> Iterator[asyncio.Future[Any]]:
        # A driver that may write no more, or whose loop has ended, has nothing to wait for.
        with suppress(StoreError):
            # What cancelled callers have handed in is told of before this.
            told = self._commits.handed_in()
            yield told
            told.exception()
        while self._unfinished:
            yield next(iter(self._unfinished))

    def _see_through(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.ensure_future(work)
        self._unfinished.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._unfinished.discard(task)
        if not task.cancelled():
            # A caller that was cancelled no longer asks for it; the next write says it again.
            task.exception()

    async def _register_artifact(self, ref: str, size: int, media_type: str, name: str) -> None:
        await self._commits.write(lambda c: register_artifact(c, ref, size, media_type, name))

    async def _query(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._commits.closed:
            return await super()._query(work)
        return await self._commits.read(work)


@dataclass(frozen=True, slots=True)
class Home:
    """The loop that drives a run, and its thread: commits are made there where a run is given one."""

    loop: asyncio.AbstractEventLoop
    thread: int

    @classmethod
    def here(cls) -> Home:
        """Return the running loop."""
        return cls(asyncio.get_running_loop(), threading.get_ident())


def open_driver(
    path: Path, record: RunRecord, lease: Lease, connection: sqlite3.Connection, home: Home | None
) -> RunDirectory:
    """Count a new driver, write off what earlier ones had in flight, and return the run open for writing."""
    begin(connection)
    fence = int(connection.execute("UPDATE runs SET fence = fence + 1 RETURNING fence").fetchone()[0])
    budget.write_off_reservations(connection, fence)
    save_run_row(connection, record)
    commit(connection)
    database = path / DATABASE_FILE
    commits: CommitQueue = (
        LoopQueue(connection, fence, database, home.loop, home.thread)
        if home
        else ThreadQueue(connection, fence, database)
    )
    return RunDirectory(path, lease, commits, fence, record)
