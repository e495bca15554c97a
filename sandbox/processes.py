"""Looking at processes through /proc: who is in a sandbox, what they hold, and whether they are gone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
LABEL = "PEERCYCLE_EXECUTION"
"""Environment variable of bubblewrap itself, not of the program in it: says which execution it belongs to."""


def start_time(pid: int) -> int | None:
    """Return when a process began, in clock ticks since boot: with its id, a name that is never reused."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if after_name[0] == "Z" else int(after_name[19])


def namespace_of(pid: int | str) -> str | None:
    """Return the name of a process's pid namespace; None where it is gone or not ours to see."""
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return None


def in_namespace(namespace: str) -> list[int]:
    """Return the processes of a pid namespace, as this namespace numbers them."""
    return [pid for pid in _pids() if namespace_of(pid) == namespace]


def labelled(execution: str) -> list[int]:
    """Return the bubblewraps of an execution, by the label in their environment."""
    mark = f"{LABEL}={execution}".encode()
    found = []
    for pid in _pids():
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        if mark in environment.split(b"\0"):
            found.append(pid)
    return found


def proportional_bytes(pids: Iterable[int]) -> int:
    """Return the memory that processes hold, each shared page divided by those who share it (PSS)."""
    return sum(_proportional(pid) for pid in pids)


def _proportional(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except ProcessLookupError:
        return 0
    except OSError:
        return _private_estimate(pid)
    return 0


def _private_estimate(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0
    return (int(fields[1]) - int(fields[2])) * PAGE


INODE_BYTES = 1024
"""About what the kernel holds for an entry of a tmpfs, beside its content."""


def tmpfs_bytes(pid: int, sizes: Mapping[str, int]) -> int:
    """Return the memory held by the tmpfs that a process sees at these paths, each known by its size in bytes.

    A process that has not yet changed its root sees the host's folders there, which have other sizes.
    """
    held = 0
    for path, size in sizes.items():
        try:
            seen = os.statvfs(f"/proc/{pid}/root{path}")
        except OSError:
            continue
        if seen.f_blocks * seen.f_frsize == size:
            held += (seen.f_blocks - seen.f_bfree) * seen.f_frsize + (seen.f_files - seen.f_ffree) * INODE_BYTES
    return held


def unlinked_bytes(pids: Iterable[int], device: int) -> int:
    """Return the disk space of files on a device that have no name any more but are still open."""
    seen: dict[int, int] = {}
    for pid in pids:
        try:
            with os.scandir(f"/proc/{pid}/fd") as entries:
                names = [entry.path for entry in entries]
        except OSError:
            continue
        for name in names:
            try:
                status = os.stat(name)  # noqa: PTH116  # follows the magic link to the open file
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 0 and status.st_dev == device:
                seen[status.st_ino] = status.st_blocks * 512
    return sum(seen.values())


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208  # Path objects cost
