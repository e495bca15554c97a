"""The file of a run's checkpoints: read through before it is trusted, and claimed by one driver."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from functools import lru_cache
from pathlib import Path

from langgraph.checkpoint.sqlite import SqliteSaver

from peercycle.core.errors import DamagedRunError, StoreError
from peercycle.graphs.plainrows import PlainRows
from peercycle.store import commits
from peercycle.store.database import connect_read_only
from peercycle.store.disk import disk_errors, replace_file
from peercycle.store.syncing import sync_never

FILE = "checkpoints.sqlite"
_ROWS = {
    "checkpoints": "SELECT type, checkpoint FROM checkpoints",
    "writes": "SELECT type, value FROM writes",
}


async def check_checkpoints(path: Path) -> None:
    """Read the checkpoints of a run through, changing nothing; where there are none, nothing is amiss.

    Raises `DamagedRunError` for a damaged file, and for a row that is no plain state: it may be hostile.
    """
    await asyncio.to_thread(_check, path / FILE)


def _check(target: Path) -> None:
    if not target.exists():
        return
    rows = PlainRows()
    try:
        connection = connect_read_only(target)
        try:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != ("ok",):
                raise DamagedRunError(damaged(target, str(verdict[0])))
            # A power cut may have come between the making of one table and of the other.
            for (name,) in connection.execute("SELECT name FROM sqlite_master").fetchall():
                # By whatever capitals: SQLite makes no difference either.
                for row in connection.execute(_ROWS[name.lower()]) if name.lower() in _ROWS else ():
                    rows.loads_typed(row)
        finally:
            connection.close()
    except sqlite3.Error as error:
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise StoreError(f"cannot read {str(target)!r}: {error}") from None
        raise DamagedRunError(damaged(target, str(error))) from None
    except ValueError as error:
        raise DamagedRunError(damaged(target, str(error))) from None


def open_file(target: Path, fence: int) -> sqlite3.Connection:
    """Return a connection for the driver with this fencing number. Raises `LeaseLostError` where a newer one was here."""
    if not target.exists():
        _make(target)
    connection = sqlite3.connect(target, check_same_thread=False)
    try:
        # What a tampered schema says must not make SQLite call anything with effects.
        connection.execute("PRAGMA trusted_schema = OFF")
        SqliteSaver(connection).setup()
        # Effects are synced in run.sqlite; on resume the journal wins, so that nothing need wait here.
        sync_never(connection)
        target.chmod(0o600)
        _claim(connection, fence)
    except BaseException:
        connection.close()
        raise
    return connection


def _make(target: Path) -> None:
    """Put a file without checkpoints there, whole: LangGraph commits its tables one by one, and a kill may come between."""
    with disk_errors("create", target):
        # What a killed driver left of a file that was moved away would be read into this one.
        for beside in ("-wal", "-shm", "-journal"):
            target.with_name(f"{target.name}{beside}").unlink(missing_ok=True)
        replace_file(target, _empty_file())


@lru_cache(maxsize=1)
def _empty_file() -> bytes:
    with tempfile.TemporaryDirectory(prefix="peercycle-") as folder:
        path = Path(folder, "empty.sqlite")
        with closing(sqlite3.connect(path)) as connection:
            SqliteSaver(connection).setup()
        return path.read_bytes()


def _claim(connection: sqlite3.Connection, fence: int) -> None:
    """Put this driver's fencing number in: from here on no earlier driver commits anything to this file."""
    commits.begin(connection)
    connection.execute("CREATE TABLE IF NOT EXISTS driver (fence INTEGER NOT NULL)")
    if connection.execute("SELECT 1 FROM driver WHERE fence > ?", (fence,)).fetchone():
        commits.check_fence(connection, fence, "driver")
    connection.execute("DELETE FROM driver")
    connection.execute("INSERT INTO driver (fence) VALUES (?)", (fence,))
    connection.commit()


def damaged(target: Path, detail: str) -> str:
    """Return the line that says so, and what to do."""
    line = " ".join(detail.split())
    return f"{str(target)!r} is damaged ({line}); move it away and resume: the journal in run.sqlite answers what was done"
