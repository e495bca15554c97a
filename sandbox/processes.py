"""Looking at processes through /proc: who is in a sandbox, what they hold, and whether they are gone."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
LABEL = "PEERCYCLE_EXECUTION"
"""Environment variable of bubblewrap itself, not of the program in it: says which execution it belongs to."""


def start_time(pid: int) -> int | None:
    """Return when a process began, in clock ticks since boot: with its id, a name that is never reused."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
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


def kill_labelled(execution: str) -> list[int]:
    """Kill the bubblewraps of an execution, and return which there were."""
    found = labelled(execution)
    for pid in found:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return found


def proportional_bytes(pids: Iterable[int]) -> int:
    """Return the memory that processes hold, each shared page divided by those who share it (PSS).

    Pages of memory files (shared mappings, `memfd_create`, files in /dev/shm) are left out, where the kernel tells them
    apart: those are counted whole, by file, whether they are mapped or not.
    """
    return sum(_proportional(pid) for pid in pids)


def _proportional(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except ProcessLookupError:
        return 0
    except OSError:
        return _private_estimate(pid)
    found = {line.partition(":")[0]: line.split()[1] for line in lines if line.startswith("Pss")}
    return (int(found.get("Pss", 0)) - int(found.get("Pss_Shmem", 0))) * 1024


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


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208  # Path objects cost
