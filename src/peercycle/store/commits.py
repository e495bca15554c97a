"""Group commit: many writes to one transaction of `run.sqlite`, each standing or falling by itself."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from peercycle.core.errors import LeaseLostError
from peercycle.store.disk import as_store_error


def begin(connection: sqlite3.Connection) -> None:
    """Begin the one transaction of a batch, with the database locked for writing from the start."""
    if not connection.in_transaction:
        connection.execute("BEGIN IMMEDIATE")


def commit(connection: sqlite3.Connection) -> None:
    """Commit a batch; its callers are resumed only after this returns and the disk has it."""
    connection.execute("COMMIT")


def check_fence(connection: sqlite3.Connection, fence: int, table: Literal["runs", "driver"] = "runs") -> None:
    """Raise `LeaseLostError` where a newer driver has opened the run.

    `table` holds the newest fencing number in one row: `runs` in `run.sqlite`, `driver` in `checkpoints.sqlite`.
    """
    row = connection.execute(f"SELECT fence FROM {table}").fetchone()  # noqa: S608 - one of two words of ours
    newest = row[0] if row else None
    if newest != fence:
        raise LeaseLostError(
            f"driver {fence} of this run may write no more: driver {newest} took it over; leave the run to that one"
        )


@dataclass(slots=True, eq=False)
class Job:
    """A piece of work on the database, and who waits for it."""

    work: Callable[[sqlite3.Connection], Any]
    future: asyncio.Future[Any] | None = None
    """Told of the outcome; None for a write that nobody waits for."""
    reads: bool = False
    slow: bool = False
    """It waits for the disk itself, and so for no loop's thread."""
    dropped: Callable[[Any], None] | None = None
    """Called with the result where whoever waited was cancelled meanwhile."""
    arrived: float = field(default_factory=time.monotonic)
    result: Any = None
    error: Exception | None = None

    def attempt(self, connection: sqlite3.Connection, path: Path) -> bool:
        """Do the work; whether it raised nothing."""
        try:
            self.result, self.error = self.work(connection), None
        except Exception as error:  # noqa: BLE001 - it belongs to the caller, who may be in another thread
            self.result = None
            self.error = as_store_error(error, "use", path) if _of_the_disk(error) else error
        return self.error is None

    def tell(self, failure: Exception | None = None) -> None:
        """Resume whoever waits, in the thread of its loop; `failure` stands for an outcome that is not on the disk."""
        future, error = self.future, failure or self.error
        if future is None:
            return
        if future.done():
            if future.cancelled() and self.dropped is not None and error is None:
                self._drop(self.dropped)
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(self.result)

    def _drop(self, dropped: Callable[[Any], None]) -> None:
        try:
            dropped(self.result)
        except Exception as error:  # noqa: BLE001 - the other jobs of the batch are still to be told
            asyncio.get_running_loop().call_exception_handler({"message": "a result is lost", "exception": error})


def do_batch(connection: sqlite3.Connection, fence: int, path: Path, batch: Sequence[Job]) -> None:
    """Do the writes of a batch in one transaction, then its reads. What went wrong is in the jobs."""
    if writes := [job for job in batch if not job.reads]:
        _commit_together(connection, fence, path, writes)
    for job in batch:
        if job.reads:
            job.attempt(connection, path)


def _commit_together(connection: sqlite3.Connection, fence: int, path: Path, writes: Sequence[Job]) -> None:
    try:
        begin(connection)
        check_fence(connection, fence)
        if all(job.attempt(connection, path) for job in writes):
            commit(connection)
            return
        # Hardly ever: what stands is done anew, each apart, so that what fails can be taken back by itself.
        _roll_back(connection)
        if len(writes) == 1:
            return
        begin(connection)
        check_fence(connection, fence)
        for job in writes:
            _attempt_apart(connection, path, job)
        commit(connection)
    except Exception as error:  # noqa: BLE001 - it belongs to the callers
        _roll_back(connection)
        failure = as_store_error(error, "write", path) if _of_the_disk(error) else error
        for job in writes:
            job.result, job.error = None, failure


def _attempt_apart(connection: sqlite3.Connection, path: Path, job: Job) -> None:
    connection.execute("SAVEPOINT one")
    if not job.attempt(connection, path):
        if not connection.in_transaction:
            # SQLite gave the whole batch up (a full disk, an I/O error): nobody's write stands.
            assert job.error is not None
            raise job.error
        connection.execute("ROLLBACK TO one")
    connection.execute("RELEASE one")


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _of_the_disk(error: Exception) -> bool:
    return isinstance(error, sqlite3.Error | OSError)


def tell_everyone(batch: Sequence[Job], failure: Exception | None = None) -> None:
    """Resume who waits for these jobs, each in the thread of its own loop."""
    loops: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job in batch:
        if job.future is not None:
            loops.setdefault(job.future.get_loop(), []).append(job)
    for loop, jobs in loops.items():
        try:
            loop.call_soon_threadsafe(_tell, jobs, failure)
        except RuntimeError:
            # The loop ended without waiting for these; what they wrote stands.
            continue


def _tell(jobs: Sequence[Job], failure: Exception | None) -> None:
    for job in jobs:
        job.tell(failure)
