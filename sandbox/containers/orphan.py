"""What becomes of a container whose driver is killed: tried with a small driver that is killed on purpose."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time

from peercycle.core.errors import SandboxError
from peercycle.core.sandboxing import EnvironmentRef
from peercycle.sandbox import place
from peercycle.sandbox.containers import leftovers, owner
from peercycle.sandbox.containers.engine import engine, refusals
from peercycle.sandbox.containers.environments import state_directory
from peercycle.sandbox.containers.settings import DockerSettings

PATIENCE_S = 20.0
_PROGRAM = "import os, time\nos.fork()\nos.setsid() if os.getpid() % 2 else None\ntime.sleep(60)"
_DRIVER = """
import asyncio, sys
from peercycle.core.sandboxing import EnvironmentRef, ExecRequest, Limits
from peercycle.sandbox.canaries import NoArtifacts
from peercycle.sandbox.containers import execution
from peercycle.sandbox.containers.settings import DockerSettings
settings = DockerSettings.model_validate_json(sys.argv[1])
environment = EnvironmentRef.model_validate_json(sys.argv[2])
request = ExecRequest(argv=("python", "-I", "-S", "-c", sys.argv[3]), limits=Limits(wall_s=60), requires=frozenset())
asyncio.run(execution.execute(settings, request, environment, NoArtifacts()))
"""


async def survivors(settings: DockerSettings, environment: EnvironmentRef) -> list[str]:
    """Return the containers left of a driver that was killed; they are removed before this returns."""
    return await asyncio.to_thread(_kill_and_look, settings, environment)


def _kill_and_look(settings: DockerSettings, environment: EnvironmentRef) -> list[str]:
    driver = subprocess.Popen(
        [sys.executable, "-c", _DRIVER, settings.model_dump_json(), environment.model_dump_json(), _PROGRAM],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait(settings, driver, running=True)
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
        return _wait(settings, driver, running=False)
    finally:
        driver.kill()
        driver.wait()
        for leftover in place.leftovers(state_directory(settings)):
            if leftover.execution.startswith(f"{driver.pid}-"):
                place.remove_tree(leftover.root)


def _wait(settings: DockerSettings, driver: subprocess.Popen[bytes], *, running: bool) -> list[str]:
    """Wait until the driver's container runs, or is gone; return what is still there at the end."""
    end = time.monotonic() + PATIENCE_S
    with engine(settings) as client:
        while True:
            with refusals("list its containers"):
                found = client.containers(all=True, filters={"label": [f"{owner.DRIVER}={driver.pid}"]})
            there = [str(each["Id"]) for each in found if not running or each.get("State") == "running"]
            if bool(there) == running:
                return there
            if running and driver.poll() is not None:
                raise SandboxError("a driver of its own did not start a container")
            if time.monotonic() > end:
                if running:
                    raise SandboxError(f"a driver of its own started no container within {PATIENCE_S:g} s")
                for container in there:
                    leftovers.remove(client, container)
                return there
            time.sleep(0.05)
