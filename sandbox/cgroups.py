"""Control groups: limits on the memory and the processes of a whole execution, versions 1 and 2."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from peercycle.sandbox.processes import start_time

PREFIX = "peercycle-"
"""Start of the name of every group that we make."""


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Where groups can be made, by this process, now."""

    version: int
    memory: Path
    pids: Path
    """The same directory as `memory` in version 2."""


@dataclass(frozen=True, slots=True)
class Group:
    """One execution's group: a directory in version 2, two in version 1."""

    version: int
    memory: Path
    pids: Path

    @property
    def paths(self) -> tuple[Path, ...]:
        """The directories that a process must join."""
        return (self.memory,) if self.version == 2 else (self.memory, self.pids)

    def members(self) -> list[int]:
        """Return the ids of the processes in it; none where it is gone."""
        try:
            return [int(line) for line in (self.pids / "cgroup.procs").read_text().split()]
        except OSError:
            return []

    def oom_kills(self) -> int:
        """Return how many processes the kernel killed for want of memory."""
        return _field(self.memory / ("memory.events" if self.version == 2 else "memory.oom_control"), "oom_kill")

    def peak_bytes(self) -> int | None:
        """Return the most memory it held, page cache included; None where the kernel does not say."""
        name = "memory.peak" if self.version == 2 else "memory.max_usage_in_bytes"
        try:
            return int((self.memory / name).read_text())
        except (OSError, ValueError):
            return None

    def kill(self, *, patience_s: float = 5.0) -> None:
        """Kill every member until none is left."""
        end = time.monotonic() + patience_s
        while (members := self.members()) and time.monotonic() < end:
            for pid in members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.005)

    def remove(self, *, patience_s: float = 5.0) -> bool:
        """Remove the directories; return whether they are gone. A dying process holds them for an instant."""
        end = time.monotonic() + patience_s
        for path in self.paths:
            while path.exists():
                with contextlib.suppress(OSError):
                    path.rmdir()
                    break
                if time.monotonic() > end:
                    return False
                time.sleep(0.005)
        return True


def group_in(hierarchy: Hierarchy, name: str) -> Group:
    """Return the group of that name; it need not exist."""
    return Group(hierarchy.version, hierarchy.memory / (PREFIX + name), hierarchy.pids / (PREFIX + name))


def create(group: Group, *, memory_bytes: int | None, processes: int | None) -> None:
    """Make the group with its limits. Raises `OSError`."""
    for path in group.paths:
        path.mkdir()
    if memory_bytes is not None:
        _limit_memory(group, memory_bytes)
    if processes is not None:
        (group.pids / "pids.max").write_text(str(processes))


def _limit_memory(group: Group, memory_bytes: int) -> None:
    if group.version == 2:
        (group.memory / "memory.max").write_text(str(memory_bytes))
        swap = group.memory / "memory.swap.max"
        if swap.exists():
            swap.write_text("0")
        return
    (group.memory / "memory.limit_in_bytes").write_text(str(memory_bytes))
    both = group.memory / "memory.memsw.limit_in_bytes"
    if both.exists():
        both.write_text(str(memory_bytes))


@functools.cache
def find() -> Hierarchy | None:
    """Return where this process can make groups with both limits, tried by making one; None where nowhere."""
    mounts = _mounts()
    for candidate in (*_version_2(mounts), *_version_1(mounts)):
        if _works(candidate):
            return candidate
    return None


def owned(owner: str) -> list[Group]:
    """Return the groups whose names go on with `owner`, where this process could have made them: each directory one."""
    mounts = _mounts()
    places = {place for each in (*_version_2(mounts), *_version_1(mounts)) for place in (each.memory, each.pids)}
    return [Group(2, path, path) for place in sorted(places) for path in sorted(place.glob(f"{PREFIX}{owner}*"))]


def is_ours(path: Path) -> bool:
    """Whether a path that somebody wrote down is that of a group which bears our name."""
    mounted = any(path.parent.is_relative_to(mount.point) for mount in _mounts())
    return mounted and path.name.startswith(PREFIX) and path.resolve() == path


@dataclass(frozen=True, slots=True)
class _Mount:
    kind: str
    root: str
    point: Path
    options: frozenset[str]


def _mounts() -> list[_Mount]:
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, _source, options) = before.split(), after.split()[:3]
        if kind in ("cgroup", "cgroup2"):
            found.append(_Mount(kind, fields[3], Path(fields[4]), frozenset(options.split(","))))
    return found


def _own_groups() -> dict[str, str]:
    """Return this process's group by controller; version 2 is the empty name."""
    own = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            own[controller] = path
    return own


def _place(mount: _Mount, path: str) -> Path:
    """Return where a group lies; in a container the mount may show only a part of the tree."""
    root = mount.root.rstrip("/")
    inside = path[len(root) :] if path.startswith(root + "/") or path == root else ""
    return mount.point / inside.lstrip("/")


def _version_1(mounts: list[_Mount]) -> list[Hierarchy]:
    own = _own_groups()
    places = {}
    for controller in ("memory", "pids"):
        for mount in mounts:
            if mount.kind == "cgroup" and controller in mount.options and controller in own:
                places[controller] = _place(mount, own[controller])
    return [Hierarchy(1, places["memory"], places["pids"])] if len(places) == 2 else []


def _version_2(mounts: list[_Mount]) -> list[Hierarchy]:
    """Return the groups, own and above, that hand both controllers to their children and are ours to write."""
    found = []
    for mount in mounts:
        if mount.kind != "cgroup2":
            continue
        place = _place(mount, _own_groups().get("", "/"))
        for parent in (place, *place.parents):
            with contextlib.suppress(OSError):
                handed = set((parent / "cgroup.subtree_control").read_text().split())
                if {"memory", "pids"} <= handed and os.access(parent, os.W_OK):
                    found.append(Hierarchy(2, parent, parent))
            if parent == mount.point:
                break
    return found


def _works(hierarchy: Hierarchy) -> bool:
    """Make a group, limit it, and move a process into it: writing permission alone does not tell."""
    group = group_in(hierarchy, f"{os.getpid()}-{start_time(os.getpid())}-trial{time.monotonic_ns()}")
    waiting = None
    try:
        create(group, memory_bytes=64 << 20, processes=8)
        waiting = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        for path in group.paths:
            (path / "cgroup.procs").write_text(str(waiting.pid))
        return waiting.pid in group.members()
    except OSError:
        return False
    finally:
        if waiting is not None:
            waiting.communicate()
        group.remove(patience_s=1.0)


def _field(path: Path, name: str) -> int:
    try:
        for line in path.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    except (OSError, ValueError):
        pass
    return 0
