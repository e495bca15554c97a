"""What becomes of a program whose driver is killed: tried with a small driver that is killed on purpose."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from peercycle.core.errors import SandboxError
from peercycle.core.sandboxing import EnvironmentRef, ExecRequest, Limits
from peercycle.sandbox import environments, execution, place, processes
from peercycle.sandbox.execution import Held
from peercycle.sandbox.profile import View
from peercycle.sandbox.protections import Weakening
from peercycle.sandbox.settings import BubblewrapSettings, state_directory
from peercycle.sandbox.start import Start, find_bwrap
from peercycle.sandbox.status import Status

PATIENCE_S = 12.0
"""How long the dead may take to go: on a loaded machine the kernel needs seconds; the program would stay for 30."""
_PROGRAM = "import os, time\nos.fork()\nos.setsid() if os.getpid() != 2 else None\ntime.sleep(30)"
_DRIVER = """
import os, signal, sys
command = sys.argv[1:]
pid = os.getpid()
command[command.index("PARENT")] = str(pid)
if os.fork() == 0:
    os.execv(command[0], command)
signal.pause()
"""
"""Starts the launcher as its child and waits to be killed."""


async def survivors(settings: BubblewrapSettings, without: Weakening, environment: EnvironmentRef) -> list[int]:
    """Return the processes left of a program whose driver was killed; they are killed before this returns."""
    request = ExecRequest(argv=("python", "-I", "-S", "-c", _PROGRAM), limits=Limits(wall_s=30), requires=frozenset())
    built = await asyncio.to_thread(environments.opened, settings, environment)
    async with execution.holding(settings, without, request) as held:
        await asyncio.to_thread(place.fill, held.place, held.slot.uid, {})
        view = View(
            work=held.place.work,
            etc=await asyncio.to_thread(place.etc_folder, state_directory(settings)),
            inputs=(),
            binds=built.binds,
            variables={},
            argv=built.argv(request.argv),
            memory_mb=request.limits.memory_mb,
            processes=None,
        )
        start = Start(
            await asyncio.to_thread(find_bwrap, settings.bwrap),
            held.place.execution,
            view,
            request.limits,
            held.slot.uid,
            held.group,
            None,
            without,
        )
        return await asyncio.to_thread(_kill_and_look, start, held)


def _kill_and_look(start: Start, held: Held) -> list[int]:
    reader, writer = os.pipe2(os.O_CLOEXEC)
    status = Status()
    driver: subprocess.Popen[bytes] | None = None
    try:
        driver = start(writer, wrap=[sys.executable, "-I", "-S", "-c", _DRIVER])
        os.close(writer)
        writer = -1
        namespace = _namespace(reader, status)
        driver.kill()
        driver.wait()
        return _left(namespace, held)
    finally:
        for opened in (reader, writer):
            if opened >= 0:
                os.close(opened)
        if driver is not None:
            driver.kill()
            driver.communicate()
        status.kill()
        status.wait_gone(PATIENCE_S)
        status.close()
        if held.group is not None:
            held.group.kill()


def _namespace(reader: int, status: Status) -> str:
    """Wait until bubblewrap has said which process it started, and that has a namespace of its own."""
    while status.namespace is None:
        data = os.read(reader, 4096)
        if not data:
            raise SandboxError("bubblewrap did not start under a driver of its own")
        status.feed(data)
    # At once, while bubblewrap still sets up: that is when its own --die-with-parent is not armed yet.
    return status.namespace


def _left(namespace: str, held: Held) -> list[int]:
    """Return who is still there after a while."""
    end = time.monotonic() + PATIENCE_S
    while left := _members(namespace, held):
        if time.monotonic() > end:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return left
        time.sleep(0.02)
    return []


def _members(namespace: str, held: Held) -> list[int]:
    found = set(processes.in_namespace(namespace)) if namespace != processes.namespace_of("self") else set()
    if held.group is not None:
        found |= set(held.group.members())
    return [pid for pid in found if Path(f"/proc/{pid}").exists() and processes.start_time(pid) is not None]
