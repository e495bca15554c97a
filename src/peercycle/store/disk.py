"""Files that are whole or absent: written aside, synced, renamed; and disk errors said in one line."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peercycle.core.errors import PeercycleError, StoreError

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600
FULL = "is the disk full"
"""What a `StoreError` says where there is no room: also for who has only its words, as of a run that it ended."""


def sync_file(descriptor: int) -> None:
    """Wait until the disk holds what was written to an open file."""
    os.fsync(descriptor)


def sync_log(descriptor: int) -> None:
    """Wait until the disk holds what was appended to an open log, and its length."""
    # Without the times of the file: they would cost a second write. macOS has no such call.
    getattr(os, "fdatasync", os.fsync)(descriptor)


def sync_directory(path: Path) -> None:
    """Wait until the disk holds a folder's entries, so that a rename in it lasts."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_new(path: Path, data: bytes) -> None:
    """Write and sync a file of mode 0600, replacing what lies at `path` without care for it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        sync_file(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file as a whole: after any crash it holds the old bytes or the new ones.

    Raises `StoreError`, with the old file untouched.
    """
    with disk_errors("write", path):
        publish(path.with_name(f".{path.name}.tmp"), path, data)


def publish(aside: Path, path: Path, data: bytes) -> None:
    """Write a body aside, sync it, and give it its name: under that name it is never seen in part."""
    try:
        write_new(aside, data)
        aside.replace(path)
        sync_directory(path.parent)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


@contextmanager
def disk_errors(doing: str, path: Path) -> Iterator[None]:
    """Turn what the system or SQLite says of a file into one line of `StoreError`."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise as_store_error(error, doing, path) from error


def as_store_error(error: Exception, doing: str, path: Path) -> PeercycleError:
    """Return the `StoreError` that says what could not be done with which file, and why."""
    if isinstance(error, PeercycleError):
        return error
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    asks = f" ({FULL}?)" if out_of_room(error) else ""
    kept = "; what it held before is kept" if os.path.isfile(path) else ""  # noqa: PTH113 - of a folder closed to us, it raises nothing
    return StoreError(f"cannot {doing} {str(path)!r}: {reason}{asks}{kept}")


def out_of_room(error: Exception) -> bool:
    """Whether a write failed for want of room."""
    if isinstance(error, OSError):
        return error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    # Of the extended codes, the last byte is the kind: SQLite says of some full disks only that writing failed.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
