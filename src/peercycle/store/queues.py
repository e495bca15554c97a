"""Who commits, and where: a thread of the store's own, or the loop that drives the run."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from peercycle.core.errors import StoreError
from peercycle.core.outlasting import outlast, outlast_each
from peercycle.store.commits import Job, do_batch, tell_everyone
from peercycle.store.disk import as_store_error
from peercycle.store.syncing import Log

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

DEFER_SECONDS = 0.05
"""How long a write that nobody waits for may stay in memory."""


class CommitQueue(ABC):
    """Writes to `run.sqlite` from any event loop: what arrives while a batch is under way goes into the next one."""

    def __init__(self, connection: sqlite3.Connection, fence: int, path: Path) -> None:
        self._connection = connection
        self._fence = fence
        self._path = path
        self._jobs: list[Job] = []
        self._closing = False
        self._lost: Exception | None = None

    async def write(self, work: Work[T], dropped: Callable[[T], None] | None = None, *, slow: bool = False) -> T:
        """Do `work` in a transaction and return what it returned, once that is on the disk.

        Where `work` raises, what it wrote is taken back, and the other writes of its batch stand; it may be called
        twice, the first time in vain. A caller's cancellation stops nothing: `dropped` is then called with the result.
        `slow` says that `work` waits for the disk by itself: its batch is done in a thread, and later ones wait.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._enqueue(Job(work, future, slow=slow, dropped=dropped))
        try:
            return await future
        except asyncio.CancelledError:
            if dropped is not None and future.done() and not future.cancelled() and future.exception() is None:
                dropped(future.result())
            raise

    async def read(self, work: Work[T]) -> T:
        """Do `work` after every write that was handed in before; it may not write."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._enqueue(Job(work, future, reads=True))
        return await future

    def defer(self, work: Work[object]) -> None:
        """Write with the next commit, or within 50 ms; raises what an earlier deferred write failed with."""
        self._raise_lost()
        self._enqueue(Job(work))

    def handed_in(self) -> asyncio.Future[None]:
        """Return what is done once whoever handed something in before this was told of it."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._enqueue(Job(lambda _: None, future))
        return future

    @abstractmethod
    async def close(self) -> None:
        """Write what is left and close the database; be cancelled only then. To be called once."""

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closing

    @abstractmethod
    def _enqueue(self, job: Job) -> None: ...

    def _require_open(self) -> None:
        if self._closing:
            raise self._closed_error()

    def _closed_error(self) -> StoreError:
        return StoreError(f"{str(self._path)!r} was closed by this driver; open the run again")

    def _do(self, batch: Sequence[Job]) -> None:
        try:
            do_batch(self._connection, self._fence, self._path, batch)
        except Exception as error:  # noqa: BLE001 - a caller must hear of it, or it waits for ever
            for job in batch:
                job.error = job.error or error
        for job in batch:
            if job.future is None and job.error is not None:
                self._lost = job.error

    def _raise_lost(self) -> None:
        lost, self._lost = self._lost, None
        if lost is not None:
            raise lost


class ThreadQueue(CommitQueue):
    """Commits and waits for the disk in a thread of its own, for loops in which nothing may block."""

    def __init__(self, connection: sqlite3.Connection, fence: int, path: Path) -> None:
        super().__init__(connection, fence, path)
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._serve, name=f"store {path.parent.name}", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Write what is left, close the database and end the thread; be cancelled only then. To be called once."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await outlast(asyncio.get_running_loop().run_in_executor(None, self._thread.join))
        self._raise_lost()

    def _enqueue(self, job: Job) -> None:
        with self._wake:
            self._require_open()
            self._jobs.append(job)
            self._wake.notify()

    def _serve(self) -> None:
        try:
            while batch := self._next_batch():
                self._do(batch)
                tell_everyone(batch)
        finally:
            self._connection.close()

    def _next_batch(self) -> list[Job]:
        with self._wake:
            while not self._closing and not any(job.future is not None for job in self._jobs):
                left = None
                if self._jobs:
                    left = self._jobs[0].arrived + DEFER_SECONDS - time.monotonic()
                    if left <= 0:
                        break
                self._wake.wait(left)
            batch, self._jobs = self._jobs, []
            return batch


class LoopQueue(CommitQueue):
    """Commits in the thread of the loop that drives the run, and lets another one wait for the disk.

    A commit costs some 50 microseconds where nothing waits for the disk in it; handing each to a thread costs more,
    and where many runs keep the loop busy, that thread waits for the interpreter at every statement.
    """

    def __init__(
        self, connection: sqlite3.Connection, fence: int, path: Path, loop: asyncio.AbstractEventLoop, thread: int
    ) -> None:
        super().__init__(connection, fence, path)
        self._loop = loop
        self._thread = thread
        """The loop's."""
        self._log = Log(connection, path, loop)
        self._timer: asyncio.Handle | None = None
        self._urgent = False
        """The next batch is due as soon as the loop comes to it."""
        self._away: asyncio.Future[None] | None = None
        """A slow batch in a thread, which has the connection meanwhile."""

    async def close(self) -> None:
        """Write what is left and close the database; be cancelled only then. To be called once."""
        self._closing = True
        self._flush()
        try:
            await outlast_each(self._under_way())
        finally:
            self._log.close()
            await outlast(asyncio.get_running_loop().run_in_executor(None, self._connection.close))
        self._raise_lost()

    def _under_way(self) -> Iterator[asyncio.Future[None]]:
        while self._away is not None:
            yield self._away
        yield self._log.idle()

    def _enqueue(self, job: Job) -> None:
        self._require_open()
        if threading.get_ident() == self._thread:
            self._accept(job)
            return
        try:
            self._loop.call_soon_threadsafe(self._accept, job)
        except RuntimeError:
            raise StoreError(f"{str(self._path)!r} is driven by a loop that has ended; open the run again") from None

    def _accept(self, job: Job) -> None:
        if self._closing:
            # It comes from another thread, which had found the queue open.
            job.error = self._closed_error()
            tell_here_and_elsewhere([job], self._loop)
            return
        self._jobs.append(job)
        if self._urgent:
            return
        if job.future is not None:
            self._urgent = True
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_soon(self._flush)
        elif self._timer is None:
            self._timer = self._loop.call_later(DEFER_SECONDS, self._flush)

    def _flush(self) -> None:
        self._timer, self._urgent = None, False
        if self._away is not None or not self._jobs:
            return
        batch, self._jobs = self._jobs, []
        if any(job.slow for job in batch):
            self._away = self._loop.run_in_executor(None, self._do, batch)
            self._away.add_done_callback(lambda _: self._back(batch))
        else:
            self._do(batch)
            self._have_synced(batch)

    def _back(self, batch: Sequence[Job]) -> None:
        self._away = None
        self._have_synced(batch)
        self._flush()

    def _have_synced(self, batch: Sequence[Job]) -> None:
        waiting = [job for job in batch if job.future is not None and not job.reads and job.error is None]
        tell_here_and_elsewhere([job for job in batch if job.future is not None and job not in waiting], self._loop)
        if waiting:
            self._log.sync(lambda failure: self._on_disk(waiting, failure))

    def _on_disk(self, jobs: Sequence[Job], failure: Exception | None) -> None:
        said = None if failure is None else as_store_error(failure, "write", self._path)
        tell_here_and_elsewhere(jobs, self._loop, said)


def tell_here_and_elsewhere(
    jobs: Sequence[Job], here: asyncio.AbstractEventLoop, failure: Exception | None = None
) -> None:
    """Resume who waits in this loop at once, and the others in theirs."""
    others = []
    for job in jobs:
        if job.future is not None and job.future.get_loop() is here:
            job.tell(failure)
        else:
            others.append(job)
    if others:
        tell_everyone(others, failure)
