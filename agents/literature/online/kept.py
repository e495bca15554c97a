"""Answers that were kept: SQLite, shared by every process of this user; damaged, it is begun anew."""

from __future__ import annotations

import fcntl
import hashlib
import json
import sqlite3
import threading
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peercycle.agents.literature.online.locking import locked
from peercycle.core.errors import StoreError

FILE = "answers-v1.sqlite"
MOST_BYTES = 1 << 30
"""The file is not let grow far beyond this; the oldest answers go first."""
PRUNE_EVERY = 256
LARGE_BYTES = 1 << 20
"""An answer of this size is followed by a look at the file's size."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    kind TEXT NOT NULL,
    method TEXT NOT NULL,
    url TEXT NOT NULL,
    status INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    body BLOB NOT NULL,
    fetched_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answers_by_age ON answers (fetched_at);
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """One answer as it was given."""

    status: int
    media_type: str
    body: bytes
    fetched_at: float
    """UTC time, seconds since the epoch."""


def key_of(method: str, url: str, parameters: str, body: Any) -> str:
    """Return an answer's key: the hash of method, address, parameters and body; a secret is in none of them."""
    asked = json.dumps([method, url, parameters, body], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(asked.encode()).hexdigest()


class KeptAnswers:
    """The answers in one folder. Safe to use from several threads, and from several processes."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._added = 0

    def get(self, key: str) -> Kept | None:
        """Return a kept answer of any age, or None."""
        rows = self._do("SELECT status, media_type, body, fetched_at FROM answers WHERE key = ?", (key,))
        if not rows:
            return None
        status, media_type, body, fetched_at = rows[0]
        try:
            return Kept(status, media_type, zlib.decompress(body), fetched_at)
        except zlib.error:
            # One damaged row costs one request.
            return None

    def put(self, key: str, *, host: str, kind: str, method: str, url: str, kept: Kept) -> None:
        """Keep an answer in place of an older one."""
        row = (key, host, kind, method, url, kept.status, kept.media_type, zlib.compress(kept.body), kept.fetched_at)
        self._do("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        self._added += 1
        if (self._added % PRUNE_EVERY == 0 or len(kept.body) > LARGE_BYTES) and self._used_bytes() > MOST_BYTES:
            self._do(
                "DELETE FROM answers WHERE fetched_at <= "
                "(SELECT fetched_at FROM answers ORDER BY fetched_at LIMIT 1 OFFSET "
                "(SELECT count(*) / 4 FROM answers))"
            )

    def _used_bytes(self) -> int:
        """Return the bytes of the pages in use: what was deleted leaves the file as large as it was."""
        (row,) = self._do(
            "SELECT (page_count - freelist_count) * page_size "
            "FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()"
        )
        return int(row[0])

    def counts(self) -> list[tuple[str, str, int, int, float]]:
        """Return host, kind, number of answers, their bytes as kept, and the time of the oldest, per host and kind."""
        return self._do(
            "SELECT host, kind, count(*), sum(length(body)), min(fetched_at) FROM answers "
            "GROUP BY host, kind ORDER BY host, kind"
        )

    def clear(self) -> int:
        """Forget every answer, and return how many there were."""
        number = int(self._do("SELECT count(*) FROM answers")[0][0])
        self._do("DELETE FROM answers")
        self._do("VACUUM")
        return number

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _do(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with self._lock:
            try:
                try:
                    return self._open().execute(statement, values).fetchall()
                except sqlite3.OperationalError:
                    raise
                except sqlite3.DatabaseError:
                    return self._anew(statement, values)
            except (OSError, sqlite3.OperationalError) as error:
                busy = getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
                mend = "try again when the process that holds it has ended" if busy else "remove it"
                raise StoreError(
                    f"the kept answers in {str(self.path)!r} cannot be used: {error}; "
                    f"{mend}, or set XDG_CACHE_HOME, or the source's setting cache, to another folder"
                ) from None
            except sqlite3.DatabaseError as error:
                message = f"the kept answers in {str(self.path)!r} are damaged, and stay so: {error}"
                raise StoreError(message) from None

    def _anew(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
        """Try once more on a file opened anew, for another process may have begun it anew; else begin it ourselves."""
        with locked(self.path, fcntl.LOCK_EX):
            try:
                return self._connect().execute(statement, values).fetchall()
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:
                self._put_aside()
            return self._connect().execute(statement, values).fetchall()

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            with locked(self.path, fcntl.LOCK_SH):
                return self._connect()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        # Each statement is its own transaction: processes wait for one another no longer than that takes.
        connection = sqlite3.connect(self.path, timeout=20, check_same_thread=False, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_SCHEMA)
        except sqlite3.DatabaseError:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _put_aside(self) -> None:
        """Put a damaged file aside: what it held can be asked for again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        with suppress(FileNotFoundError):
            self.path.replace(self.path.with_suffix(f".damaged-{time.time_ns()}"))
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
