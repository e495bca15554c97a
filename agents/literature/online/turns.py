"""Whose turn it is to send: a bucket of one token per host, shared by all threads and processes of this machine.

A turn is granted in one transaction of a small database, no sooner than the interval after the turn before, so that
no window of time holds more turns than the rate allows. Times are the wall clock's, which processes share; a clock
that was put back makes nobody wait longer than one interval.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from peercycle.core.errors import StoreError

FILE = "turns-v1.sqlite"
LONGEST_PAUSE_S = 3600.0
"""A host's wish to be left alone is followed up to this long."""
LOCKED_S = 1.0
"""How long a thread waits for the file. Whoever waits longer does so in the loop, where a deadline can end it."""
LOOK_AGAIN_S = 0.1
"""How often one looks whether somebody is still alone with a host: nobody can say for how long they will be."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS turns (
    host TEXT PRIMARY KEY, last REAL NOT NULL, not_before REAL NOT NULL, busy_until REAL NOT NULL
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """Leave to send one request now."""

    host: str
    at: float
    """UTC time at which it was granted, seconds since the epoch."""


class Turns:
    """The turns of this machine, kept in one folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    async def take(self, host: str, interval_s: float, *, within_s: float, alone_for_s: float = 0.0) -> Turn | None:
        """Wait until it is our turn; None where that would take longer than `within_s`.

        With `alone_for_s` nobody else sends to the host until `done`, or until so many seconds have gone by.
        """
        given_up = time.monotonic() + within_s
        while True:
            wait = await self._tried(host, interval_s, alone_for_s)
            if isinstance(wait, Turn):
                return wait
            if time.monotonic() + wait > given_up:
                return None
            # Those who wait for the same turn do not all come back at the same moment.
            await asyncio.sleep(wait + random.uniform(0.0, min(0.02, interval_s / 10)))

    async def _tried(self, host: str, interval_s: float, alone_for_s: float) -> Turn | float:
        trying = asyncio.ensure_future(asyncio.to_thread(self._try, host, interval_s, alone_for_s))
        try:
            return await asyncio.shield(trying)
        except asyncio.CancelledError:
            # Nobody sends in the turn that it may bring, and who waits to be alone with the host need not sit it out.
            await asyncio.shield(asyncio.ensure_future(self._given_back(trying)))
            raise

    async def _given_back(self, trying: asyncio.Future[Turn | float]) -> None:
        with suppress(StoreError):
            if isinstance(turn := await trying, Turn):
                await asyncio.to_thread(self.done, turn)

    def done(self, turn: Turn) -> None:
        """Say that a turn taken with `alone_for_s` is over: the interval counts from now.

        One that took longer than it was given ends nothing: somebody else may be alone by then.
        """
        self._do(
            "UPDATE turns SET busy_until = 0, last = ? WHERE host = ? AND last = ?", (time.time(), turn.host, turn.at)
        )

    def leave_alone(self, host: str, seconds: float) -> None:
        """Let nobody send to a host for some seconds, because it asked for that."""
        until = time.time() + min(seconds, LONGEST_PAUSE_S)
        self._do("UPDATE turns SET not_before = max(not_before, ?) WHERE host = ?", (until, host))

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _try(self, host: str, interval_s: float, alone_for_s: float) -> Turn | float:
        """Return the turn, or in how many seconds to ask again."""
        with self._lock:
            try:
                connection = self._open()
                connection.execute("BEGIN IMMEDIATE")
                found = self._grant(connection, host, interval_s, alone_for_s)
                # Refused, as the beginning may be, where somebody reads for long.
                connection.execute("COMMIT")
                return found
            except sqlite3.DatabaseError as error:
                if _is_busy(error):
                    return LOOK_AGAIN_S
                raise StoreError(f"{str(self._path)!r} cannot be used: {error}; remove it to go on") from None
            finally:
                if self._connection is not None:
                    # Nothing where it was committed; what stayed open would refuse every later turn.
                    self._connection.rollback()

    @staticmethod
    def _grant(connection: sqlite3.Connection, host: str, interval_s: float, alone_for_s: float) -> Turn | float:
        row = connection.execute("SELECT last, not_before, busy_until FROM turns WHERE host = ?", (host,)).fetchone()
        last, not_before, busy_until = row or (0.0, 0.0, 0.0)
        # Read inside the transaction: whoever waited for the lock must not use an old time.
        now = time.time()
        if last > now + interval_s:
            # The clock was put back since.
            last = now
            connection.execute("UPDATE turns SET last = ? WHERE host = ?", (now, host))
        wait = max(last + interval_s, min(not_before, now + LONGEST_PAUSE_S)) - now
        if wait <= 0 and now < busy_until < now + LONGEST_PAUSE_S:
            wait = min(LOOK_AGAIN_S, busy_until - now)
        if wait > 0:
            return float(wait)
        connection.execute(
            "INSERT OR REPLACE INTO turns VALUES (?, ?, ?, ?)",
            (host, now, not_before, now + alone_for_s if alone_for_s else 0.0),
        )
        return Turn(host, now)

    def _do(self, statement: str, values: tuple[object, ...]) -> None:
        with self._lock:
            try:
                self._open().execute(statement, values)
            except sqlite3.DatabaseError as error:
                if _is_busy(error):
                    # A turn ends by its own time, and others are told by the host itself.
                    return
                raise StoreError(f"{str(self._path)!r} cannot be used: {error}; remove it to go on") from None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            opened = sqlite3.connect(self._path, timeout=LOCKED_S, check_same_thread=False, isolation_level=None)
            try:
                opened.executescript(_SCHEMA)
            except sqlite3.DatabaseError:
                opened.close()
                raise
            self._connection = opened
        return self._connection


def _is_busy(error: sqlite3.DatabaseError) -> bool:
    """Tell whether another process has the file locked: one that was stopped may have it for long."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
