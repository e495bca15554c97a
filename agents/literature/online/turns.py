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

from peercycle.agents.literature.online.turn_file import ANY_HOST, DamagedError, TurnFile
from peercycle.core.errors import StoreError

FILE = "turns-v1.sqlite"
LONGEST_PAUSE_S = 3600.0
"""A host's wish to be left alone is followed up to this long."""
LOOK_AGAIN_S = 0.1
"""How often one looks whether somebody is still alone with a host: nobody can say for how long they will be."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Leave to send one request now."""

    host: str
    at: float
    """UTC time at which it was granted, seconds since the epoch."""


class Turns:
    """The turns of this machine, kept in one folder."""

    def __init__(self, folder: Path) -> None:
        self._file = TurnFile(folder / FILE)
        self._lock = threading.Lock()

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
        now = time.time()
        # There is no row where the file was begun anew since the host was asked.
        self._do(
            "INSERT INTO turns VALUES (?, ?, ?, 0) "
            "ON CONFLICT (host) DO UPDATE SET not_before = max(not_before, excluded.not_before)",
            (host, now, now + min(seconds, LONGEST_PAUSE_S)),
        )

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        with self._lock:
            self._file.close()

    def _try(self, host: str, interval_s: float, alone_for_s: float) -> Turn | float:
        """Return the turn, or in how many seconds to ask again."""

        def granted(connection: sqlite3.Connection) -> Turn | float:
            connection.execute("BEGIN IMMEDIATE")
            found = self._grant(connection, host, interval_s, alone_for_s)
            # Refused, as the beginning may be, where somebody reads for long.
            connection.execute("COMMIT")
            return found

        with self._lock:
            found = self._file.use(granted)
        return LOOK_AGAIN_S if found is None else found

    @staticmethod
    def _grant(connection: sqlite3.Connection, host: str, interval_s: float, alone_for_s: float) -> Turn | float:
        last, not_before, busy_until = _row(connection, host, alone_for_s)
        # Read inside the transaction: whoever waited for the lock must not use an old time.
        now = time.time()
        if last > now + interval_s:
            # The clock was put back since.
            last, busy_until = now, min(busy_until, now + alone_for_s)
            connection.execute(
                "INSERT OR REPLACE INTO turns VALUES (?, ?, ?, ?)", (host, last, not_before, busy_until)
            )
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
        # Nothing where another has the file: a turn ends by its own time, and others are told by the host itself.
        with self._lock:
            self._file.use(lambda connection: connection.execute(statement, values))


def _row(connection: sqlite3.Connection, host: str, alone_for_s: float) -> tuple[float, float, float]:
    """Return what stands of a host: the time of its last turn, and until when it is left alone, and is somebody's."""
    row = connection.execute("SELECT last, not_before, busy_until FROM turns WHERE host = ?", (host,)).fetchone()
    if row is None:
        begun = connection.execute("SELECT last FROM turns WHERE host = ?", (ANY_HOST,)).fetchone()
        # Whoever was alone with the host when the file was begun anew may have been so for as long as is usual there.
        row = (begun[0], 0.0, begun[0] + alone_for_s) if begun else (0.0, 0.0, 0.0)
    if not all(isinstance(value, float) for value in row):
        raise DamagedError(f"{host!r} has the times {row!r}")
    last, not_before, busy_until = row
    return last, not_before, busy_until
