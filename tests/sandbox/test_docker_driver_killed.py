"""kill -9 of the driver in every phase of an execution in a container: nothing survives, and nothing is left."""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fixtures.killing import after, before, die

from peercycle.core.base import JSON
from peercycle.core.sandboxing import EnvironmentSpec, ExecRequest, Limits
from peercycle.plugins.testing.children import run_in_child
from peercycle.plugins.testing.journal import BenchArtifacts
from peercycle.plugins.testing.sandbox_suite.ground import alive
from peercycle.sandbox import place
from peercycle.sandbox.containers import execution, leftovers, profile
from peercycle.sandbox.containers.backend import DockerSandbox
from peercycle.sandbox.containers.engine import engine
from peercycle.sandbox.containers.session import Session
from peercycle.sandbox.containers.settings import DockerSettings
from peercycle.sandbox.place import Place

BASE = EnvironmentSpec(name="base")
PROGRAM = """
import os, time
if os.fork() == 0:
    os.setsid()
    time.sleep(60)
open("out.txt", "w").write("x")
print("up", flush=True)
time.sleep({})
"""


PHASES: dict[str, Callable[[], None]] = {
    "its folder is made": after(place, "make"),
    "its inputs are laid": after(place, "fill"),
    "its container is about to be created": before(profile, "create"),
    "its container is created": after(profile, "create"),
    "its container has started and knows no plan": before(Session, "watch"),
    "it is running": lambda: None,
    "it has ended and is not collected": after(Session, "watch"),
    "its files are listed": after(Session, "entries"),
    "its files are collected": after(Session, "bodies"),
    "its container is about to be removed": before(leftovers, "remove"),
    "its container is removed": after(leftovers, "remove"),
    "its folder is about to be removed": before(Place, "remove"),
    "its folder is removed": after(Place, "remove"),
}


def left(settings: DockerSettings) -> list[str]:
    assert settings.state_dir is not None
    with engine(settings) as client:
        containers = [str(each["Id"]) for each in client.containers(all=True)]
    return containers + [entry.name for entry in (settings.state_dir / "executions").iterdir()]


@pytest.mark.parametrize("phase", PHASES)
def test_a_driver_killed_leaves_nothing_when(phase: str, tmp_path: Path, docker_settings: DockerSettings) -> None:
    sandbox, mark = DockerSandbox(docker_settings), secrets.token_hex(8)
    environment = asyncio.run(sandbox.prepare(BASE))

    async def drive() -> JSON:
        PHASES[phase]()
        bodies = BenchArtifacts(tmp_path / "bodies")
        program = PROGRAM.format(60 if phase == "it is running" else 0.05)
        asked = ExecRequest(
            argv=("python", "-I", "-S", "-c", program, mark), environment=BASE,
            files={"in.txt": await bodies.put(b"x")}, outputs=("out.txt",), limits=Limits(wall_s=90, processes=16),
            requires=frozenset(),
        )  # fmt: skip
        on_output = die if phase == "it is running" else None
        await execution.execute(docker_settings, asked, environment, bodies, on_output)
        return None

    ended = run_in_child(drive)
    assert ended.signal == signal.SIGKILL, ended.error
    # Of itself, without anybody's help.
    end = time.monotonic() + 60
    while (alive(mark) or left(docker_settings)) and time.monotonic() < end:
        time.sleep(0.05)
    assert alive(mark) == []
    assert left(docker_settings) == []
