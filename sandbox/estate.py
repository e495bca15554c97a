"""What one dead driver left, found by its name alone, and removed: no lock and no label has to be believed."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from peercycle.core.errors import SandboxError
from peercycle.sandbox import cgroups
from peercycle.sandbox.place import BAIT, EXECUTIONS, NEW, remove_tree
from peercycle.sandbox.processes import kill_labelled, labelled

DEATH_S = 10.0
"""How long the guards of what the driver ran may take to end it; what is still there then is killed."""
PATIENCE_S = 60.0
"""How long it is tried again where something stays, as with a daemon that is down, before it is left to `reap`."""
PAUSE_S = 0.1
_CONTAINERS = """
import json, sys
sys.path += json.loads(sys.argv[1])
from peercycle.sandbox.containers import leftovers, settings
leftovers.reap(settings.DockerSettings(base_url=sys.argv[2]), sys.argv[3])
"""
"""A process of its own, for the SDK: what removes folders and groups is the standard library alone."""

Place = tuple[str, str | None, list[str]]
"""A state directory; where the daemon listens whose containers run there, if any; where its SDK is imported from."""


def settle(owner: str, places: Sequence[Place]) -> None:
    """Remove what a driver left that has ended, `owner` being how the names begin that it gave."""
    states = sorted({Path(state) for state, _, _ in places})
    found = _left(owner, states)
    daemons = [(daemon, paths) for state, daemon, paths in places if daemon and _left(owner, [Path(state)])]
    began = time.monotonic()
    while (found or daemons or cgroups.owned(owner)) and time.monotonic() < began + PATIENCE_S:
        if time.monotonic() > began + DEATH_S or not any(labelled(_name(path)) for path in found):
            daemons = [(daemon, paths) for daemon, paths in daemons if not _without_containers(owner, daemon, paths)]
            for group in cgroups.owned(owner):
                group.kill()
                group.remove()
            for path in found:
                kill_labelled(_name(path))
                with contextlib.suppress(OSError, SandboxError):
                    remove_tree(path)
        found = _left(owner, states)
        time.sleep(PAUSE_S if found or daemons else 0.0)


def _left(owner: str, states: Iterable[Path]) -> list[Path]:
    """Return the executions of a driver, those in the making too, and what its probes laid out."""
    found = []
    for state in states:
        for folder, prefixes in ((state / EXECUTIONS, ("", NEW)), (state, (BAIT,))):
            with contextlib.suppress(OSError):
                names = os.listdir(folder)  # noqa: PTH208
                starts = tuple(prefix + owner for prefix in prefixes)
                found += [folder / name for name in names if name.startswith(starts)]
    return found


def _name(path: Path) -> str:
    return path.name.removeprefix(NEW)


def _without_containers(owner: str, daemon: str, paths: list[str]) -> bool:
    """Remove the containers of a driver; return whether the daemon said that they are gone."""
    command = [sys.executable, "-I", "-B", "-c", _CONTAINERS, json.dumps(paths), daemon, owner]
    done = subprocess.run(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
    return done.returncode == 0
