"""Removing what dead drivers left. The kernel has killed their programs already; this finds what it did not."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path

from peercycle.sandbox import cgroups, processes
from peercycle.sandbox.cgroups import PREFIX, Group, Hierarchy
from peercycle.sandbox.place import BAIT, Leftover, leftovers, remove_tree


def reap(state: Path) -> tuple[str, ...]:
    """Remove every execution whose driver is dead, and say what was removed. One that lives is left alone."""
    removed = [line for leftover in leftovers(state) for line in _remove(leftover)]
    return (*removed, *_remove_bait(state), *_remove_forgotten(cgroups.find()))


def _remove_bait(state: Path) -> list[str]:
    """Remove what probes that were killed had laid out."""
    done = []
    for path in sorted(state.glob(f"{BAIT}*")):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > FORGOTTEN_S:
                path.unlink()
                done.append(f"removed {path}")
    return done


_NAME = re.compile(re.escape(PREFIX) + r"(\d+)-\d+-.*")
FORGOTTEN_S = 60.0


def _remove_forgotten(hierarchy: Hierarchy | None) -> list[str]:
    """Remove empty groups of drivers that are dead, whose directories went another way (with a state directory, say).

    A group that has a member is not touched: a driver in a container would not be seen from here, and may live.
    """
    if hierarchy is None:
        return []
    done = []
    for parent in dict.fromkeys((hierarchy.memory, hierarchy.pids)):
        for path in sorted(parent.glob(f"{PREFIX}*")):
            named = _NAME.fullmatch(path.name)
            if named is None or processes.start_time(int(named[1])) is not None:
                continue
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > FORGOTTEN_S and not (path / "cgroup.procs").read_text():
                    path.rmdir()
                    done.append(f"removed cgroup {path}")
    return done


def _remove(leftover: Leftover) -> list[str]:
    done = [f"killed process {pid} of {leftover.execution}" for pid in processes.kill_labelled(leftover.execution)]
    for path in leftover.cgroups:
        # The label is a file: only what bears our name is touched.
        if not cgroups.is_ours(path) or not path.exists():
            continue
        group = Group(2, path, path)
        group.kill()
        if not group.remove():
            # The folder is all that still names it.
            return done
        done.append(f"removed cgroup {path}")
    remove_tree(leftover.root)
    return [*done, f"removed {leftover.root}"]
