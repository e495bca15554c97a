"""The file in which a machine's turns stand: begun anew where it is damaged, and never two of them at once.

Whoever uses the file holds a lock beside it, and looks whether the file that it opened still is the one at its place.
Whoever begins it anew is alone with that lock, and writes down when: from then on nobody knows when the turn before
was, so every host waits as though one had been given at that moment.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

from peercycle.agents.literature.online.locking import locked
from peercycle.core.errors import StoreError

T = TypeVar("T")

ANY_HOST = ""
"""The row that stands for every host of whom the file says nothing, since it was begun anew."""
LOCKED_S = 1.0
"""How long a thread waits for the file. Whoever waits longer does so in the loop, where a deadline can end it."""

_SCHEMA = """
CREATE TABLE turns (
    host TEXT PRIMARY KEY, last REAL NOT NULL, not_before REAL NOT NULL, busy_until REAL NOT NULL
) WITHOUT ROWID;
"""
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH})
"""What SQLite says of a file that is none of its own, or whose tables are not ours."""
_AT_ONCE = fcntl.LOCK_NB


class DamagedError(sqlite3.DatabaseError):
    """The file holds what was never written into it."""


class TurnFile:
    """The file, for one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def use(self, act: Callable[[sqlite3.Connection], T]) -> T | None:
        """Do something in the file; None where somebody else has it for long.

        Raises `StoreError` where it can be neither used nor begun anew.
        """
        try:
            try:
                with locked(self._path, fcntl.LOCK_SH | _AT_ONCE):
                    if self._is_there():
                        return self._act(act)
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
            with locked(self._path, fcntl.LOCK_EX | _AT_ONCE):
                return self._act_on_a_sound_one(act)
        except BlockingIOError:
            return None
        except (OSError, sqlite3.DatabaseError) as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                return None
            raise StoreError(
                f"{str(self._path)!r}, which paces what is sent, cannot be used: {error}; "
                "make its folder writable, or set XDG_CACHE_HOME to another one"
            ) from None

    def _act_on_a_sound_one(self, act: Callable[[sqlite3.Connection], T]) -> T:
        """Nobody else has the file now. Another process may have begun it anew while we waited."""
        if self._is_there():
            try:
                return self._act(act)
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
        self._begin(anew=self._path.exists() or self._identity is not None)
        return self._act(act)

    def _is_there(self) -> bool:
        """Tell whether there is a file with something in it: an empty one was cut off, for none is begun empty."""
        with suppress(FileNotFoundError):
            return self._path.stat().st_size > 0
        return False

    def _act(self, act: Callable[[sqlite3.Connection], T]) -> T:
        found = self._path.stat()
        identity = (found.st_dev, found.st_ino)
        if self._connection is None or identity != self._identity:
            self.close()
            self._connection = sqlite3.connect(
                self._path, timeout=LOCKED_S, check_same_thread=False, isolation_level=None
            )
            self._identity = identity
        try:
            # A file of two pages. SQLite reads one that was cut off within a page as one without the rows that were there.
            ((verdict, *_), *_) = self._connection.execute("PRAGMA quick_check(1)")
            if verdict != "ok":
                raise DamagedError(verdict)
            return act(self._connection)
        except sqlite3.DatabaseError as error:
            if _is_damage(error):
                self.close()
            raise
        finally:
            if self._connection is not None:
                # Nothing where it was committed; what stayed open would refuse every later turn.
                self._connection.rollback()

    def _begin(self, *, anew: bool) -> None:
        """Put a new file at the place, whole or not at all; `anew`, where there may have been turns before."""
        self.close()
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".turns-")
        os.close(handle)
        new = Path(name)
        try:
            with closing(sqlite3.connect(new, isolation_level=None)) as connection:
                connection.executescript(_SCHEMA)
                if anew:
                    connection.execute("INSERT INTO turns VALUES (?, ?, 0, 0)", (ANY_HOST, time.time()))
            # SQLite would play back into the new file what the old one left unfinished.
            self._path.with_name(f"{self._path.name}-journal").unlink(missing_ok=True)
            new.replace(self._path)
        finally:
            new.unlink(missing_ok=True)


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, DamagedError) or (code is not None and code & 0xFF in _DAMAGE)
