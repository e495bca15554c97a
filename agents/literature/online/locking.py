"""A lock beside a file: while one process puts another in its place, no other opens it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path, how: int) -> Iterator[None]:
    """Hold the lock of a file, `fcntl.LOCK_SH` to use it and `LOCK_EX` to replace it.

    Raises `BlockingIOError` with `LOCK_NB` where another process holds it, and `OSError` where there can be none.
    """
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, how)
        yield
    finally:
        os.close(lock)
