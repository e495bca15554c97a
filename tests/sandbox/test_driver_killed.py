"""kill -9 of the driver in every phase of an execution: nothing survives, and nothing is left."""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.fixtures.killing import after, before, die

from peercycle.core.base import JSON
from peercycle.core.sandboxing import EnvironmentSpec, ExecRequest, Limits
from peercycle.plugins.testing.children import run_in_child
from peercycle.plugins.testing.sandbox_suite.ground import alive
from peercycle.sandbox import cgroups, collect, execution, place, slots
from peercycle.sandbox.bubblewrap import BubblewrapSandbox
from peercycle.sandbox.cgroups import Group
from peercycle.sandbox.place import Place
from peercycle.sandbox.start import Start
from peercycle.sandbox.supervise import Supervisor

if TYPE_CHECKING:
    from tests.sandbox.conftest import Harness

BASE = EnvironmentSpec(name="base")
PROGRAM = """
import os, time
if os.fork() == 0:
    os.setsid()
    time.sleep(30)
open("out.txt", "w").write("x")
print("up", flush=True)
time.sleep({})
"""


PHASES: dict[str, Callable[[], None]] = {
    "a slot is held": after(slots, "acquire"),
    "its folder is being made": before(Path, "rename"),
    "its folder is made": after(place, "make"),
    "its cgroup is made": after(cgroups, "create"),
    "its inputs are laid": after(place, "fill"),
    "it is about to be started": before(Start, "__call__"),
    "bubblewrap is being set up": after(Start, "__call__"),
    "it is running": lambda: None,
    "it has ended and is not buried": before(Supervisor, "_bury"),
    "it is buried": after(Supervisor, "_drain"),
    "its outputs are about to be collected": before(collect, "collect"),
    "its outputs are collected": after(collect, "collect"),
    "its cgroup is removed": after(Group, "remove"),
    "its folder is about to be removed": before(Place, "remove"),
    "its folder is removed": after(Place, "remove"),
}


@pytest.mark.parametrize("mode", ["harness", "watched"])
@pytest.mark.parametrize("phase", PHASES)
def test_a_driver_killed_leaves_nothing_when(
    phase: str, mode: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if "cgroup" in phase and (mode == "watched" or cgroups.find() is None):
        pytest.skip("needs a cgroup: run as root, or in a delegated scope")
    harness: Harness = request.getfixturevalue(mode)
    state, mark = harness.settings.state_dir, secrets.token_hex(8)
    assert state is not None
    name = tmp_path / "driver"

    async def drive() -> JSON:
        name.write_text(str(os.getpid()))
        PHASES[phase]()
        sandbox = BubblewrapSandbox(harness.settings)
        program = PROGRAM.format(20 if phase == "it is running" else 0.05)
        asked = ExecRequest(
            argv=("python", "-I", "-S", "-c", program, mark),
            environment=BASE,
            files={"in.txt": await harness.bodies.put(b"x")},
            outputs=("out.txt",),
            limits=Limits(wall_s=30, processes=16),
            requires=frozenset(),
        )
        environment = await sandbox.prepare(BASE)
        on_output = die if phase == "it is running" else None
        await execution.execute(harness.settings, frozenset(), asked, environment, harness.bodies, on_output)
        return None

    ended = run_in_child(drive)
    assert ended.signal == signal.SIGKILL, ended.error
    assert vanished(mark), "processes survived their driver"
    # Of itself, without anybody's help.
    assert emptied(state, int(name.read_text())) == []
    assert str(state) not in Path("/proc/self/mountinfo").read_text()
    # The slot is free again, and so is the name of everything else.
    assert harness.said("print('well')") == "well"


def vanished(mark: str, patience_s: float = 10.0) -> bool:
    end = time.monotonic() + patience_s
    while alive(mark) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(mark)


def emptied(state: Path, driver: int, patience_s: float = 20.0) -> list[str]:
    """What is still left of a driver's executions when it has had time to go."""
    end = time.monotonic() + patience_s
    while (left := remains(state, driver)) and time.monotonic() < end:
        time.sleep(0.02)
    return left


def remains(state: Path, driver: int) -> list[str]:
    """What is left of a driver's executions: folders, and cgroups that bear its name."""
    executions = state / "executions"
    found = [entry.name for entry in executions.iterdir()] if executions.exists() else []
    hierarchy = cgroups.find()
    for parent in set() if hierarchy is None else {hierarchy.memory, hierarchy.pids}:
        found += [str(group) for group in parent.glob(f"{cgroups.PREFIX}{driver}-*")]
    return found
