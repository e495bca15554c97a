"""Places to run in: at most so many at a time, each with a user id of its own when we are root.

A slot is a file under `flock`, so that it is shared by the processes of the machine and freed by the kernel
however its holder ends.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from peercycle.core.errors import SandboxError
from peercycle.sandbox.settings import BubblewrapSettings, state_directory

MACHINE = Path("/run/peercycle/slots")
"""Where root keeps the slots, whatever the state directory: user ids belong to the machine."""
UID_BASE = 1_880_000_000
"""Above the ids that distributions hand out to users, containers and services, below those with the sign bit."""
POLL_S = 0.02


@dataclass(slots=True)
class Slot:
    """A place held; `uid` is None where the program runs as ourselves."""

    number: int
    uid: int | None
    _lock: int

    def release(self) -> None:
        """Give the place back. Once is enough; twice does nothing."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


async def acquire(settings: BubblewrapSettings) -> Slot:
    """Wait for a free place. Raises `SandboxError` where slots cannot be kept or have no user id."""
    root = os.geteuid() == 0
    folder = MACHINE if root else state_directory(settings) / "slots"
    base = await asyncio.to_thread(_uid_base, settings) if root else None
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True, mode=0o700)
        # Other processes hold the locks: there is no event to wait for.
        while (held := await _tried(folder, settings.slots)) is None:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
    except OSError as error:
        raise SandboxError(
            f"cannot lock a sandbox slot in {str(folder)!r} ({error.strerror}): make it writable"
        ) from (error)
    number, lock = held
    return Slot(number, None if base is None else base + number, lock)


async def _tried(folder: Path, count: int) -> tuple[int, int] | None:
    """Try in a thread, as everything that touches the disk; what one who is cancelled gets is given back."""
    trying = asyncio.ensure_future(asyncio.to_thread(_try_all, folder, count))
    try:
        return await asyncio.shield(trying)
    except asyncio.CancelledError:
        trying.add_done_callback(_give_back)
        raise


def _give_back(trying: asyncio.Future[tuple[int, int] | None]) -> None:
    if trying.exception() is None and (held := trying.result()) is not None:
        os.close(held[1])


def _try_all(folder: Path, count: int) -> tuple[int, int] | None:
    for number in range(count):
        lock = os.open(folder / f"{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        return number, lock
    return None


def _uid_base(settings: BubblewrapSettings) -> int:
    base = settings.uid_base
    if base is None:
        base = _mapped_base(settings.slots)
    for uid in range(base, base + settings.slots):
        if _has_name(uid):
            raise SandboxError(f"user id {uid} of the sandbox belongs to a user: set another `uid_base`")
    return base


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _mapped_base(count: int) -> int:
    """Return the usual base, or one inside the ids that this user namespace maps (a rootless container)."""
    ranges = [
        (int(line.split()[0]), int(line.split()[2])) for line in Path("/proc/self/uid_map").read_text().splitlines()
    ]
    if any(first <= UID_BASE and UID_BASE + count <= first + length for first, length in ranges):
        return UID_BASE
    first, length = max(ranges, key=lambda found: found[1])
    # Below the top, where `nobody` (65534) usually is.
    base = first + length - 4096 - count
    if base < max(first, 1000):
        raise SandboxError("this user namespace maps too few user ids for the sandbox: run as an ordinary user")
    return base
