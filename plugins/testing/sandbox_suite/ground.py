"""What a row stands on: a sandbox, a way to run programs in it, and a folder of the host to lay bait in."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peercycle.core.contracts import Sandbox
from peercycle.core.errors import RefusedRequestError, SandboxError
from peercycle.core.sandboxing import EnvironmentRef, EnvironmentSpec, ExecRequest, ExecResult, Guarantee, Limits
from peercycle.plugins.testing.journal import BenchArtifacts

WALL_S = float(os.environ.get("PEERCYCLE_SUITE_WALL_S", "20"))
"""How long a program of a row may take that is not to be ended by the clock; an emulated machine needs more."""
_SLOWER = WALL_S / 20
"""How much longer to wait for a machine that needs more."""
SMALL = Limits(wall_s=WALL_S, memory_mb=256, processes=24, disk_mb=16, files=200, output_bytes=64 << 10)

PRELUDE = """
import ctypes, errno, json, os, platform, signal, sys, time
got = []
def attempt(name, do):
    try:
        do()
        got.append(name)
    except (OSError, ValueError):
        pass
def call(numbers, *args):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    made = libc.syscall(ctypes.c_long(numbers[platform.machine() != "x86_64"]), *args)
    if made < 0:
        raise OSError(ctypes.get_errno(), "")
    return made
def pids():
    return [int(p) for p in os.listdir("/proc") if p.isdigit()]
alone = len(pids()) < 8
def end():
    print(json.dumps(got), flush=True)
"""
"""Begins every program of an attack: `attempt` notes what was not refused, `end` tells.

`alone` is false where the machine's processes are in sight: signals that could hit others are then not sent.
"""

TELL = """
import json, os, sys
said = {}
def tell(name, do):
    try:
        do()
        said[name] = "done"
    except OSError as error:
        said[name] = [type(error).__name__, error.filename, error.filename2]
"""
"""Begins a program that tries things and tells of each what it raised, and for which names."""


class Skip(Exception):  # noqa: N818  # no error
    """The row cannot be run here; the message says what it needs."""


@dataclass(slots=True)
class Ground:
    """One sandbox, whole or weakened."""

    kind: str
    sandbox: Sandbox
    fresh: Callable[[], Sandbox]
    """Makes another sandbox of the same kind: for a driver of its own."""
    environment: EnvironmentRef
    spec: EnvironmentSpec
    requires: frozenset[Guarantee]
    without: frozenset[str]
    """Protections that are removed; programs of a row are the same with and without."""
    folder: Path
    """On the host, passable and writable for everybody: what lies in it is bait."""
    artifacts: BenchArtifacts
    facts: dict[str, Any] = field(default_factory=dict)
    """What the contract says of its backend, for rows that need to know."""

    def request(self, program: str, *args: str, limits: Limits = SMALL, **more: Any) -> ExecRequest:
        """Return a request to run a Python program given as text, without the prelude."""
        argv = more.pop("argv", ("python", "-I", "-S", "-c", program, *args))
        more.setdefault("environment", self.spec)
        return ExecRequest(argv=argv, limits=limits, requires=self.requires, **more)

    async def run(self, program: str, *args: str, on_output: Any = None, **more: Any) -> ExecResult:
        """Run a Python program; whatever becomes of it is the result."""
        request = self.request(program, *args, **more)
        return await self.sandbox.run(request, self.environment, self.artifacts, on_output)

    async def got(self, program: str, *args: str, **more: Any) -> list[str]:
        """Run the program of an attack, prelude first, and return what it says it got."""
        result = await self.run(PRELUDE + program, *args, **more)
        assert result.status == "ok", f"the attack itself failed, {result.status}: {result.stderr.text[-800:]}"
        said = json.loads(result.stdout.text.splitlines()[-1])
        assert isinstance(said, list)
        return [str(each) for each in said]

    async def said(self, program: str, *args: str, **more: Any) -> str:
        """Run a program that must end well, and return its standard output without the last newline."""
        result = await self.run(program, *args, **more)
        assert result.status == "ok", f"it ended {result.status}: {result.stderr.text[-800:]}"
        return result.stdout.text.rstrip("\n")

    async def bodies(self, result: ExecResult) -> dict[str, bytes]:
        """Return what was collected, by path."""
        return {each.path: await self.artifacts.get(each.artifact) for each in result.outputs}


def changed(**limits: object) -> Limits:
    """Return the small limits with some of them changed."""
    return Limits(**{**SMALL.model_dump(), **limits})


def unless(promised: object, complaint: str) -> list[str]:
    """Return the complaint unless what is promised holds."""
    return [] if promised else [complaint]


async def refused(ground: Ground, what: str, naming: str = "", **asked: Any) -> list[str]:
    """Return what is wrong unless a request is refused as its author's mistake, on one line with `naming` in it."""
    shown = repr(what if len(what) < 40 else f"{what[:40]}…")
    try:
        await ground.run("print('ran')", **asked)
    except RefusedRequestError as error:
        plain = "\n" not in str(error) and (not naming or repr(naming)[:200] in str(error))
        return unless(plain, f"{shown} is refused by {str(error)[:200]!r}")
    except SandboxError as error:
        return [f"{shown} raised {type(error).__name__} instead of a refusal"]
    return [f"{shown} was taken"]


def alive(mark: str) -> list[int]:
    """Return the processes of this machine that have `mark` as an argument, this one and its own left out."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            arguments = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if mark.encode() in arguments:
            found.append(int(name))
    return found


async def until(condition: Callable[[], Any], patience_s: float = 20.0) -> Any:
    """Wait until a condition holds and return what it is; the last answer where it never does."""
    end = time.monotonic() + patience_s * _SLOWER
    while not (answer := await asyncio.to_thread(condition)) and time.monotonic() < end:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    return answer


async def gone(mark: str, patience_s: float = 3.0) -> list[str]:
    """Return a line for each process with `mark` that is still there after a while, and kill it."""
    await until(lambda: not alive(mark), patience_s)
    left = alive(mark)
    for pid in left:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return [f"{len(left)} processes survived"] if left else []
