"""Waiting for the disk outside the loop: the write-ahead log of a database, synced and folded in by threads."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from peercycle.store.disk import sync_log

THREADS = 4
"""Runs of one process that wait for the disk at once; each waits for its own log only."""
LOG_BYTES = 4_000_000
"""The write-ahead log is folded into the database once it is longer."""

Synced = Callable[[OSError | None], None]
"""Called in the loop's thread once what was committed is on the disk, or with why it is not."""


class Log:
    """The write-ahead log of a database whose commits do not sync it: `sync` does, in another thread.

    SQLite's `synchronous=FULL` differs from NORMAL in one thing: a commit returns after the log is synced. Here it
    returns before, and whoever waits for it is told after; what arrives during a sync shares the next one.
    """

    def __init__(self, connection: sqlite3.Connection, database: Path, loop: asyncio.AbstractEventLoop) -> None:
        sync_never(connection)
        self._database = database
        self._loop = loop
        self._descriptor = os.open(log_of(database), os.O_RDWR | os.O_CLOEXEC)
        self._growth = Growth()
        self._waiting: list[Synced] = []
        self._busy = False
        self._idle = asyncio.Event()
        self._idle.set()

    def sync(self, told: Synced) -> None:
        """Have everything that is committed by now put on the disk."""
        self._waiting.append(told)
        if not self._busy:
            self._begin()

    async def close(self) -> None:
        """Wait until nothing is under way."""
        await self._idle.wait()
        os.close(self._descriptor)

    def _begin(self) -> None:
        batch, self._waiting = self._waiting, []
        self._busy = True
        self._idle.clear()
        threads().submit(self._sync, batch)

    def _sync(self, batch: list[Synced]) -> None:
        failure = None
        try:
            sync_log(self._descriptor)
            if self._growth.is_long(os.fstat(self._descriptor).st_size):
                fold_log(self._database)
        except OSError as error:
            failure = error
        with suppress(RuntimeError):
            # Where the loop has ended, nobody waits any more.
            self._loop.call_soon_threadsafe(self._synced, batch, failure)

    def _synced(self, batch: list[Synced], failure: OSError | None) -> None:
        self._busy = False
        if self._waiting:
            self._begin()
        else:
            self._idle.set()
        for told in batch:
            told(failure)


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


_THREADS: dict[int, ThreadPoolExecutor] = {}


def threads() -> ThreadPoolExecutor:
    """Return this process's threads for the disk; a forked child has its own."""
    pid = os.getpid()
    if pid not in _THREADS:
        _THREADS[pid] = ThreadPoolExecutor(THREADS, thread_name_prefix="store")
    return _THREADS[pid]
