"""Removing what dead drivers left. The kernel has killed their programs already; this finds what it did not."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from peercycle.sandbox import processes
from peercycle.sandbox.cgroups import PREFIX, Group
from peercycle.sandbox.place import Leftover, leftovers, remove_tree


def reap(state: Path) -> tuple[str, ...]:
    """Remove every execution whose driver is dead, and say what was removed. One that lives is left alone."""
    return tuple(line for leftover in leftovers(state) for line in _remove(leftover))


def _remove(leftover: Leftover) -> list[str]:
    done = [f"killed process {pid} of {leftover.execution}" for pid in _kill(leftover)]
    for path in leftover.cgroups:
        # The label is a file: only what bears our name is touched.
        if not path.name.startswith(PREFIX) or not path.exists():
            continue
        group = Group(2, path, path)
        group.kill()
        if group.remove():
            done.append(f"removed cgroup {path}")
    remove_tree(leftover.root)
    return [*done, f"removed {leftover.root}"]


def _kill(leftover: Leftover) -> list[int]:
    found = processes.labelled(leftover.execution)
    for pid in found:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return found
