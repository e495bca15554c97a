"""Group commit: one thread per run writes; what arrives during a commit goes together into the next one."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from peercycle.core.errors import LeaseLostError, StoreError
from peercycle.store.disk import as_store_error

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

DEFER_SECONDS = 0.05
"""How long a write that nobody waits for may stay in memory."""


def begin(connection: sqlite3.Connection) -> None:
    """Begin the one transaction of a batch, with the database locked for writing from the start."""
    if not connection.in_transaction:
        connection.execute("BEGIN IMMEDIATE")


def commit(connection: sqlite3.Connection) -> None:
    """Put a batch on the disk: only after this returns are its callers resumed."""
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
class _Job:
    work: Work[Any]
    future: asyncio.Future[Any] | None = None
    reads: bool = False
    apart: bool = False
    """It needs nothing that is still in memory: writes that nobody waits for stay there."""
    arrived: float = field(default_factory=time.monotonic)
    result: Any = None
    error: Exception | None = None


class CommitQueue:
    """Writes to `run.sqlite` from any event loop, each in a savepoint of its own, many to a commit."""

    def __init__(self, connection: sqlite3.Connection, fence: int, path: Path) -> None:
        self._connection = connection
        self._fence = fence
        self._path = path
        self._jobs: list[_Job] = []
        self._wake = threading.Condition()
        self._closing = False
        self._lost: Exception | None = None
        self._thread = threading.Thread(target=self._serve, name=f"store {path.parent.name}", daemon=True)
        self._thread.start()

    async def write(self, work: Work[T]) -> T:
        """Do `work` in a transaction and return what it returned, once that is on the disk.

        Where `work` raises, what it wrote is taken back, and the other writes of its batch stand.
        """
        result: T = await self._submit(_Job(work, asyncio.get_running_loop().create_future()))
        return result

    async def read(self, work: Work[T]) -> T:
        """Do `work` after every write that was handed in before; it may not write."""
        result: T = await self._submit(_Job(work, asyncio.get_running_loop().create_future(), reads=True))
        return result

    async def check(self) -> None:
        """Raise `LeaseLostError` where a newer driver has opened the run; costs no write."""
        future = asyncio.get_running_loop().create_future()
        await self._submit(_Job(lambda c: check_fence(c, self._fence), future, reads=True, apart=True))

    def defer(self, work: Work[object]) -> None:
        """Write with the next commit, or within 50 ms; raises what an earlier deferred write failed with."""
        lost, self._lost = self._lost, None
        if lost is not None:
            raise lost
        self._enqueue(_Job(work))

    async def close(self) -> None:
        """Write what is left, close the database and end the thread. Safe to call twice."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join)
        lost, self._lost = self._lost, None
        if lost is not None:
            raise lost

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closing

    def _submit(self, job: _Job) -> asyncio.Future[Any]:
        assert job.future is not None
        self._enqueue(job)
        return job.future

    def _enqueue(self, job: _Job) -> None:
        with self._wake:
            if self._closing:
                raise StoreError(f"{str(self._path)!r} was closed by this driver; open the run again")
            self._jobs.append(job)
            self._wake.notify()

    def _serve(self) -> None:
        try:
            while batch := self._next_batch():
                try:
                    self._do(batch)
                except Exception as error:  # noqa: BLE001 - a caller must hear of it, or it waits for ever
                    for job in batch:
                        job.error = job.error or error
                _deliver(batch)
        finally:
            self._connection.close()

    def _next_batch(self) -> list[_Job]:
        with self._wake:
            while not self._closing and not any(job.future is not None for job in self._jobs):
                left = None
                if self._jobs:
                    left = self._jobs[0].arrived + DEFER_SECONDS - time.monotonic()
                    if left <= 0:
                        break
                self._wake.wait(left)
            batch, self._jobs = self._jobs, []
            if not self._closing and all(job.apart for job in batch if job.future is not None):
                due = time.monotonic() - DEFER_SECONDS
                self._jobs = [job for job in batch if job.future is None and job.arrived > due]
                batch = [job for job in batch if job not in self._jobs]
            return batch

    def _do(self, batch: Sequence[_Job]) -> None:
        writes = [job for job in batch if not job.reads]
        if writes:
            self._commit_together(writes)
        for job in batch:
            if job.reads:
                self._attempt(job)
        for job in writes:
            if job.future is None and job.error is not None:
                self._lost = job.error

    def _commit_together(self, writes: Sequence[_Job]) -> None:
        try:
            begin(self._connection)
            check_fence(self._connection, self._fence)
            for job in writes:
                self._attempt_apart(job)
            commit(self._connection)
        except Exception as error:  # noqa: BLE001 - it belongs to the callers, who are in another thread
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            failure = as_store_error(error, "write", self._path) if _of_the_disk(error) else error
            for job in writes:
                job.result, job.error = None, failure

    def _attempt_apart(self, job: _Job) -> None:
        connection = self._connection
        connection.execute("SAVEPOINT one")
        self._attempt(job)
        if job.error is not None:
            if not connection.in_transaction:
                # SQLite gave the whole batch up (a full disk, an I/O error): nobody's write stands.
                raise job.error
            connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")

    def _attempt(self, job: _Job) -> None:
        try:
            job.result = job.work(self._connection)
        except Exception as error:  # noqa: BLE001 - as above
            job.error = as_store_error(error, "use", self._path) if _of_the_disk(error) else error


def _of_the_disk(error: Exception) -> bool:
    return isinstance(error, sqlite3.Error | OSError)


def _deliver(batch: Sequence[_Job]) -> None:
    loops: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in batch:
        if job.future is not None:
            loops.setdefault(job.future.get_loop(), []).append(job)
    for loop, jobs in loops.items():
        try:
            loop.call_soon_threadsafe(_resume, jobs)
        except RuntimeError:
            # The loop ended without waiting for these; what they wrote stands.
            continue


def _resume(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        future = job.future
        if future is None or future.done():
            continue
        if job.error is not None:
            future.set_exception(job.error)
        else:
            future.set_result(job.result)
