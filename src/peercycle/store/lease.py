"""One driver per run: a lock that the kernel frees when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
import weakref
from pathlib import Path

from peercycle.core.errors import RunInUseError, StoreError
from peercycle.store.disk import FILE_MODE, disk_errors

LEASE_FILE = "lease"
PATIENCE_SECONDS = 30.0
"""How long a driver waits for those who only look: a `status` holds its lock for microseconds, but may be stopped."""

_held: weakref.WeakSet[Lease] = weakref.WeakSet()
_fork_hook: list[bool] = []


class Lease:
    """The right to drive a run, held until `release` or the death of this process.

    Children do not inherit it: the descriptor closes on exec, and after a fork in the child.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor
        _held.add(self)
        if not _fork_hook:
            _fork_hook.append(True)
            os.register_at_fork(after_in_child=_forget_after_fork)

    def release(self) -> None:
        """Give the lease up; a second call does nothing."""
        if self._descriptor is not None:
            # A child that was forked this moment has it open still, and a close alone would leave it locked.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self.forget()

    def forget(self) -> None:
        """Close the file and leave the lock to whoever else has it open: in a child, to the parent."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def lock_file(descriptor: int) -> None:
    """Lock an open lease file for this driver alone. Raises `BlockingIOError` where another one holds it."""
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def take_lease(directory: Path) -> Lease:
    """Take the lease of a run directory. Raises `RunInUseError` naming the process that holds it."""
    path = directory / LEASE_FILE
    with disk_errors("take the lease", path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        _lock_patiently(descriptor, directory)
        with disk_errors("take the lease", path):
            _refuse_a_removed_run(descriptor, path)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except BaseException:
        os.close(descriptor)
        raise
    return Lease(descriptor)


def holder(directory: Path) -> int | None:
    """Return the process that drives the run, or None where the lease is free; 0 where it left no number."""
    try:
        descriptor = os.open(directory / LEASE_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"cannot read the lease of {str(directory)!r}: {error.strerror}") from error
    try:
        # Shared, so that two who look do not see each other.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _written_pid(descriptor)
    finally:
        os.close(descriptor)
    return None


def _lock_patiently(descriptor: int, directory: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            lock_file(descriptor)
            return
        except BlockingIOError:
            if _only_looked_at(descriptor) and time.monotonic() < deadline:
                time.sleep(0.01)
                continue
        except OSError as error:
            raise StoreError(
                f"cannot lock run {directory.name!r}: {error.strerror}; keep runs on a disk that has file locks"
            ) from error
        raise RunInUseError(
            f"{directory.name!r} is driven by process {_written_pid(descriptor)}; "
            "wait for it, or `peercycle stop` it first"
        )


def _only_looked_at(descriptor: int) -> bool:
    """Whether no driver holds the lock: then a shared one can be had beside those of who looks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return True


def _refuse_a_removed_run(descriptor: int, path: Path) -> None:
    ours, there = os.fstat(descriptor), path.stat()
    if (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino):
        raise FileNotFoundError(2, "the run was removed meanwhile", str(path))


def _written_pid(descriptor: int) -> int:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else 0


def _forget_after_fork() -> None:
    for lease in list(_held):
        lease.forget()
