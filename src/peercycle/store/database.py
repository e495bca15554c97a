"""Opening `run.sqlite`: made once and whole, checked before it is trusted, never written over when damaged."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from peercycle.core.errors import DamagedRunError, RunVersionError
from peercycle.store.disk import FILE_MODE, disk_errors
from peercycle.store.schema import SCHEMA, SCHEMA_VERSION

DATABASE_FILE = "run.sqlite"

PAGE_BYTES = 2048
"""A commit writes every page that it touches whole, and a row of the journal is small: with SQLite's own 4096 bytes
an effect costs a sixth more."""

BUSY_SECONDS = 30.0
"""How long a connection waits for another one's write; a person's answer is the only other writer."""


def create_database(path: Path) -> None:
    """Make an empty `run.sqlite` with its schema. The file must not exist.

    It is on the disk with the first write that is folded into it.
    """
    with disk_errors("create", path):
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_empty_database())


@lru_cache(maxsize=1)
def _empty_database() -> bytes:
    """Return the bytes of an empty database: every run begins with the same ones, and the schema costs 3 ms."""
    with tempfile.TemporaryDirectory(prefix="peercycle-") as folder:
        path = Path(folder, "empty.sqlite")
        with closing(sqlite3.connect(path)) as connection:
            # Before the first table, and before WAL fixes it.
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            connection.execute("PRAGMA journal_mode = WAL")
        with closing(connect(path)) as connection:
            connection.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        return path.read_bytes()


def connect(path: Path) -> sqlite3.Connection:
    """Open an existing database for writing: WAL, every commit synced, transactions begun by hand."""
    connection = sqlite3.connect(
        f"{_uri(path)}?mode=rw", uri=True, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # What a tampered schema says must not make SQLite call anything with effects.
        connection.execute("PRAGMA trusted_schema = OFF")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Open a database that may be in use, on a disk that may be read-only; nothing of it changes."""
    if not path.exists():
        raise DamagedRunError(f"{str(path)!r} is missing; restore it from a copy, or start a new run")
    connection = sqlite3.connect(
        f"{_uri(path)}?mode=ro", uri=True, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.DatabaseError as error:
        connection.close()
        if not isinstance(error, sqlite3.OperationalError):
            raise
        # A WAL database needs its -shm file; where none can be made and no driver left a log, the file is all.
        if path.with_name(f"{path.name}-wal").exists():
            raise
        connection = sqlite3.connect(
            f"{_uri(path)}?immutable=1", uri=True, isolation_level=None, check_same_thread=False
        )
    return connection


def check_database(path: Path) -> None:
    """Read the database through, changing nothing.

    Raises `DamagedRunError` naming the file, or `RunVersionError` where another version wrote it.
    """
    connection = None
    try:
        connection = connect_read_only(path)
        check_version(connection, path)
        found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            with disk_errors("read", path):
                raise
        found = [str(error)]
    finally:
        if connection is not None:
            connection.close()
    if found != ["ok"]:
        raise damaged(path, found[0])


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `RunVersionError` where the open database is of another version than ours."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version == SCHEMA_VERSION:
        return
    if version == 0:
        raise damaged(path, "it holds no run (it may have been cut off)")
    raise RunVersionError(
        f"{str(path)!r} has format {version}, and this version reads {SCHEMA_VERSION}; "
        "use the peercycle version that wrote the run"
    )


def damaged(path: Path, what: str) -> DamagedRunError:
    """Return the error for a damaged file, on one line."""
    line = " ".join(what.split())
    return DamagedRunError(f"{str(path)!r} is damaged: {line}; it was left as it is, restore it from a copy")


def _uri(path: Path) -> str:
    return f"file:{quote(str(path.absolute()))}"
