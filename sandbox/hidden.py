"""What a program holds where no name leads: files that are only open, only mapped, or on their way."""

from __future__ import annotations

import contextlib
import functools
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Hidden:
    """Bytes by inode, so that what several processes hold counts once."""

    disk: dict[int, int] = field(default_factory=dict)
    """On the disk, without a name."""
    memory: dict[int, int] = field(default_factory=dict)
    """In memory files of no folder: `memfd_create`, shared anonymous mappings."""
    in_flight: int = 0
    """Descriptors that were sent over a socket and not received: what they hold cannot be seen."""

    @property
    def disk_bytes(self) -> int:
        """Disk space without a name."""
        return sum(self.disk.values())

    @property
    def memory_bytes(self) -> int:
        """Memory in files of no folder."""
        return sum(self.memory.values())


def look(pids: Iterable[int], device: int) -> Hidden:
    """Look at what processes hold open and mapped; `device` is the working directory's."""
    found = Hidden()
    for pid in pids:
        _opened(pid, device, found)
        _mapped(pid, device, found)
    return found


@functools.cache
def memory_device() -> int:
    """Return the device of memory files of no folder, the same for the whole machine."""
    made = os.memfd_create("peercycle")
    try:
        return os.fstat(made).st_dev
    finally:
        os.close(made)


def _opened(pid: int, device: int, found: Hidden) -> None:
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            names = [entry.name for entry in entries]
    except OSError:
        return
    for name in names:
        try:
            status = os.stat(f"/proc/{pid}/fd/{name}")  # noqa: PTH116  # follows the magic link to the open file
        except OSError:
            continue
        if stat.S_ISSOCK(status.st_mode):
            found.in_flight += _in_flight(pid, name)
        elif stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
            if status.st_dev == device:
                found.disk[status.st_ino] = status.st_blocks * 512
            elif status.st_dev == memory_device():
                found.memory[status.st_ino] = status.st_blocks * 512


def _in_flight(pid: int, name: str) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/fdinfo/{name}").read_text().splitlines():
            if line.startswith("scm_fds:"):
                return int(line.split()[1])
    return 0


def _mapped(pid: int, device: int, found: Hidden) -> None:
    try:
        # As bytes: a text has more ends of lines than one, and a program gives its files names with any of them.
        lines = Path(f"/proc/{pid}/maps").read_bytes().split(b"\n")
    except OSError:
        return
    for line in lines:
        fields = line.split(maxsplit=5)
        if len(fields) < 6 or fields[4] == b"0":
            continue
        major, minor = (int(part, 16) for part in fields[3].split(b":"))
        where, inode = os.makedev(major, minor), int(fields[4])
        # How much of it is there only its owner could ask; as much as is mapped, then.
        start, end = (int(part, 16) for part in fields[0].split(b"-"))
        extent = int(fields[2], 16) + end - start
        if where == memory_device():
            found.memory[inode] = max(found.memory.get(inode, 0), extent)
        elif where == device and fields[5].endswith(b" (deleted)"):
            found.disk[inode] = max(found.disk.get(inode, 0), extent)
