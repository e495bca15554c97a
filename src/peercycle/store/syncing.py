"""Waiting for the disk outside the loop: the write-ahead logs of all runs of a process, synced and folded in."""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from peercycle.store.disk import sync_log

THREADS = 4
"""How many logs of one process are synced at once."""
SHARE = 8
"""A thread takes so many waiting logs by itself before it asks others for help: each thread that wakes up takes the
interpreter from the loop, and a disk that is slow for one is as slow for several."""
LOOK_EVERY = 8
"""A log's length is looked at once in so many syncs: that, too, gives the interpreter away and waits to have it back."""
LOG_BYTES = 4_000_000
"""The write-ahead log is folded into the database once it is longer."""

Synced = Callable[[Exception | None], None]
"""Called in the loop's thread once what was committed is on the disk, or with why it is not."""


class Log:
    """The write-ahead log of a database whose commits do not sync it: `sync` does, in another thread.

    SQLite's `synchronous=FULL` differs from NORMAL in one thing: a commit returns after the log is synced. Here it
    returns before, and whoever waits for it is told after; what arrives during a sync shares the next one.
    """

    def __init__(self, connection: sqlite3.Connection, database: Path, loop: asyncio.AbstractEventLoop) -> None:
        sync_never(connection)
        self.loop = loop
        self._database = database
        self._descriptor = os.open(log_of(database), os.O_RDWR | os.O_CLOEXEC)
        self._growth = Growth()
        self._syncs = 0
        self._waiting: list[Synced] = []
        self._told: list[Synced] = []
        """Those that the sync under way is for."""
        self._failure: Exception | None = None
        self._idle: asyncio.Future[None] | None = None

    def sync(self, told: Synced) -> None:
        """Have everything that is committed by now put on the disk."""
        self._waiting.append(told)
        if not self._told:
            self._begin()

    def idle(self) -> asyncio.Future[None]:
        """Return what is done once nothing is under way."""
        if self._idle is None or self._idle.done():
            self._idle = asyncio.get_running_loop().create_future()
            if not self._told:
                self._idle.set_result(None)
        return self._idle

    def close(self) -> None:
        """Let go of the file, once `idle`."""
        os.close(self._descriptor)

    def _begin(self) -> None:
        self._told, self._waiting = self._waiting, []
        _disk().ask(self)

    def wait_for_disk(self) -> None:
        """Sync, and fold in what has become long; called in a thread for the disk, and raises nothing there."""
        self._failure = None
        try:
            sync_log(self._descriptor)
            self._syncs += 1
            if self._syncs % LOOK_EVERY == 0 and self._growth.is_long(os.fstat(self._descriptor).st_size):
                fold_log(self._database)
        except Exception as error:  # noqa: BLE001 - told to those who wait; the thread is there for other logs, too
            self._failure = error

    def synced(self) -> None:
        """Tell who waited; called in the loop's thread."""
        told, failure = self._told, self._failure
        self._told = []
        if self._waiting:
            self._begin()
        elif self._idle is not None and not self._idle.done():
            self._idle.set_result(None)
        for each in told:
            try:
                each(failure)
            except Exception as error:  # noqa: BLE001 - the others wait for theirs, and those of other runs
                self.loop.call_exception_handler(
                    {"message": "whoever waited for the disk failed", "exception": error}
                )


@dataclass(slots=True)
class Growth:
    """When a log is long enough to be folded in again."""

    folded_at: int = 0
    """Its bytes then. It begins anew once all of it is folded in and nobody reads it; until then it grows on."""

    def is_long(self, size: int) -> bool:
        """Whether it has grown by `LOG_BYTES` since it was last folded in, or begun."""
        self.folded_at = min(self.folded_at, size)
        if size <= self.folded_at + LOG_BYTES:
            return False
        self.folded_at = size
        return True


def sync_never(connection: sqlite3.Connection) -> None:
    """Let a connection's commits wait for nothing: neither to sync the log nor to fold it in."""
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    # A log that begins anew is cut to what it holds.
    connection.execute("PRAGMA journal_size_limit = 0")


def log_of(database: Path) -> Path:
    """Return where the write-ahead log of a database lies."""
    return database.with_name(f"{database.name}-wal")


def fold_log(database: Path) -> None:
    """Bring what the log holds into the database; it waits for no writer, and none waits for it."""
    # Where it cannot be done now, it is done when the database is closed.
    with suppress(sqlite3.Error), closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


@dataclass(slots=True)
class _Disk:
    """The threads of this process that wait for the disk: one for as long as it keeps up."""

    pid: int = field(default_factory=os.getpid)
    _calls: queue.SimpleQueue[None] = field(default_factory=queue.SimpleQueue)
    """One for each thread that is to wake up: an executor's future for every commit costs four times as much."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _asked: list[Log] = field(default_factory=list)
    _awake: int = 0
    _begun: int = 0
    """Threads there are; they end with the process."""

    def ask(self, log: Log) -> None:
        with self._lock:
            self._asked.append(log)
            if self._awake * SHARE >= len(self._asked) or self._awake == THREADS:
                return
            if self._awake < self._begun or self._begin():
                self._awake += 1
                self._calls.put(None)
                return
            if self._awake:
                # Those that there are come to it in their turn.
                return
            self._asked.remove(log)
        log.wait_for_disk()
        _tell([log])

    def _begin(self) -> bool:
        """Begin a thread; False where the system gives none."""
        with suppress(RuntimeError):
            threading.Thread(target=self._serve, name=f"store_{self._begun + 1}", daemon=True).start()
            self._begun += 1
            return True
        return False

    def _serve(self) -> None:
        while True:
            self._calls.get()
            while batch := self._next_batch():
                for log in batch:
                    log.wait_for_disk()
                _tell(batch)

    def _next_batch(self) -> list[Log]:
        with self._lock:
            batch, self._asked = self._asked[:SHARE], self._asked[SHARE:]
            if not batch:
                self._awake -= 1
            return batch


def _tell(batch: Sequence[Log]) -> None:
    loops: dict[asyncio.AbstractEventLoop, list[Log]] = {}
    for log in batch:
        loops.setdefault(log.loop, []).append(log)
    for loop, logs in loops.items():
        # Where the loop has ended, nobody waits any more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_all_synced, logs)


def _all_synced(logs: Sequence[Log]) -> None:
    for log in logs:
        log.synced()


_DISKS: list[_Disk] = []


def _disk() -> _Disk:
    """Return this process's threads; a forked child has its own."""
    if not _DISKS or _DISKS[0].pid != os.getpid():
        _DISKS[:] = [_Disk()]
    return _DISKS[0]
