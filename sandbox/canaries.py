"""Canaries: small attacks of bounded size that show, on this machine and now, what the sandbox holds."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Protocol

from peercycle.core.errors import SandboxError
from peercycle.core.sandboxing import CanaryResult, ExecResult, Guarantee, Limits
from peercycle.sandbox.place import BAIT, new_execution

SMALL = Limits(wall_s=20, memory_mb=256, processes=16, disk_mb=8, files=100, output_bytes=8192)


class NoArtifacts:
    """Stands where a store is asked for: a canary brings its program on the command line and leaves no file."""

    async def put(self, data: bytes, *, media_type: str = "", name: str = "") -> str:  # the contract's
        raise SandboxError("a canary stores nothing")

    async def get(self, ref: str) -> bytes:
        raise SandboxError("a canary reads nothing")

    def path(self, ref: str) -> Path:
        raise SandboxError("a canary reads nothing")


class Ground(Protocol):
    """What the canaries run on: one backend, as it stands here."""

    @property
    def state(self) -> Path:
        """Where the backend keeps its things on this machine."""
        ...

    @property
    def cgroup_fix(self) -> str:
        """What lets it limit memory and processes."""
        ...

    @property
    def host_files(self) -> Sequence[str]:
        """Files that every host has, and that no program in this sandbox may read."""
        ...

    async def run(self, program: str, *args: str, limits: Limits = SMALL) -> ExecResult:
        """Run a Python program given as text."""
        ...

    async def survivors(self) -> Sequence[object]:
        """Return what is left of a program whose driver was killed."""
        ...


async def trivial(ground: Ground) -> None:
    """Raise `SandboxError` where the sandbox runs nothing at all."""
    result = await ground.run("print(6 * 7)")
    if result.status != "ok" or result.stdout.text.strip() != "42":
        raise SandboxError(f"a trivial program ended {result.status}: {result.stderr.text.strip()[-300:]!r}")


def _answer(
    guarantee: Guarantee, result: ExecResult, wanted: str, fix: str | None, *, status: str = "ok"
) -> CanaryResult:
    """Judge a canary by what it printed and how it ended."""
    said = result.stdout.text.strip()
    passed = result.status == status and said == wanted
    detail = (
        "" if passed else f"the canary ended {result.status} and said {(said or result.stderr.text.strip())[-200:]!r}"
    )
    return CanaryResult(guarantee=guarantee, passed=passed, detail=detail, fix=None if passed else fix)


_ENVIRONMENT = """
import os, sys
mark = sys.argv[1].encode()
found = [name for name, value in os.environ.items() if mark in value.encode()]
for pid in os.listdir("/proc"):
    if pid.isdigit():
        try:
            found += [pid] * (mark in open(f"/proc/{pid}/environ", "rb").read())
        except OSError:
            pass
print(f"seen in {found}" if found else "unseen")
"""


async def environment_clean(ground: Ground) -> CanaryResult:
    """Plant a variable in our own environment, and look for it inside, in every process's."""
    name, value = f"PEERCYCLE_CANARY_{secrets.token_hex(4)}", secrets.token_hex(16)
    os.environ[name] = value
    try:
        result = await ground.run(_ENVIRONMENT, value)
    finally:
        del os.environ[name]
    return _answer("environment_clean", result, "unseen", "Report this: peercycle starts the sandbox without it")


_NETWORK = """
import socket, sys
def reached(family, kind, address):
    with socket.socket(family, kind) as s:
        s.settimeout(1)
        try:
            s.connect(address)
            return True
        except OSError:
            return False
found = []
if reached(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", int(sys.argv[1]))):
    found.append("loopback")
if reached(socket.AF_UNIX, socket.SOCK_STREAM, "\\0" + sys.argv[2]):
    found.append("abstract socket")
for line in open("/proc/net/dev").read().splitlines()[2:]:
    if line.split(":")[0].strip() != "lo":
        found.append(line.split(":")[0].strip())
try:
    socket.socket(40, socket.SOCK_STREAM).close()
    found.append("vsock")
except OSError:
    pass
print(f"reached {found}" if found else "cut off")
"""


async def network_none(ground: Ground) -> CanaryResult:
    """Listen on the host's loopback and an abstract socket, and try both; look for interfaces and vsock."""
    hidden = f"peercycle-{secrets.token_hex(8)}"
    with socket.socket() as loopback, socket.socket(socket.AF_UNIX) as abstract:
        loopback.bind(("127.0.0.1", 0))
        loopback.listen()
        abstract.bind(f"\0{hidden}")
        abstract.listen()
        result = await ground.run(_NETWORK, str(loopback.getsockname()[1]), hidden)
    return _answer("network_none", result, "cut off", "Allow network namespaces, and install libseccomp")


_FILES = """
import sys
found = []
for path in sys.argv[1:]:
    try:
        # Docker hides /proc/kcore behind /dev/null, which can be opened and is empty.
        if open(path, "rb").read(1):
            found.append(path)
    except OSError:
        pass
print(f"read {len(found)} of {len(sys.argv) - 1}" if found else "hidden")
"""


async def host_files_hidden(ground: Ground) -> CanaryResult:
    """Lay a file that anyone may read beside the executions, and try to read it and some that every host has."""
    secret = ground.state / f"{BAIT}{new_execution()}"
    await asyncio.to_thread(secret.write_text, "secret")
    try:
        result = await ground.run(_FILES, str(secret), *ground.host_files)
    finally:
        await asyncio.to_thread(secret.unlink, missing_ok=True)
    return _answer("host_files_hidden", result, "hidden", "Allow mount namespaces")


_SYSCTL = """
found = []
for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory", "/proc/sysrq-trigger"):
    try:
        open(path, "r+b", buffering=0).close()
        found.append(path)
    except OSError:
        pass
print(f"can write {found}" if found else "read-only")
"""


async def sysctl_read_only(ground: Ground) -> CanaryResult:
    """Open the machine's settings for writing, and write nothing."""
    result = await ground.run(_SYSCTL)
    return _answer("sysctl_read_only", result, "read-only", "Let the sandbox run as an unprivileged user")


_FORK = """
import os, sys, time
limit, made = int(sys.argv[1]), []
try:
    for _ in range(3 * limit):
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
            os._exit(0)
        made.append(pid)
except OSError:
    pass
print("limited" if len(made) <= limit else f"{len(made)} processes of {limit}")
"""


async def processes_limited(ground: Ground) -> CanaryResult:
    """Start three times the processes allowed."""
    result = await ground.run(_FORK, str(SMALL.processes))
    return _answer("processes_limited", result, "limited", ground.cgroup_fix)


_MEMORY = """
import time
held = []
for _ in range(24):
    held.append(bytearray(b"x") * (8 << 20))
    time.sleep(0.02)
# What is not ended by now is not looked at; a loaded machine looks seldom.
time.sleep(6)
print("took 192 MB of 64")
"""


async def memory_limited(ground: Ground) -> CanaryResult:
    """Take three times the memory allowed, a little at a time."""
    result = await ground.run(_MEMORY, limits=SMALL.model_copy(update={"memory_mb": 64}))
    return _answer("memory_limited", result, "", ground.cgroup_fix, status="oom")


_DISK = """
import time
for number in range(8):
    with open(f"fill-{number}", "wb") as out:
        out.write(b"x" * (2 << 20))
    time.sleep(0.1)
time.sleep(6)
print("wrote 16 MB of 4")
"""


async def disk_limited(ground: Ground) -> CanaryResult:
    """Write four times the bytes allowed, in several files."""
    result = await ground.run(_DISK, limits=SMALL.model_copy(update={"disk_mb": 4}))
    return _answer(
        "disk_limited", result, "", "Report this: the working directory is not watched", status="disk_limit"
    )


async def dies_with_driver(ground: Ground) -> CanaryResult:
    """Kill a driver with signal 9 while its program runs, and look for the program."""
    survivors = await ground.survivors()
    return CanaryResult(
        guarantee="dies_with_driver",
        passed=not survivors,
        detail=f"{len(survivors)} processes outlived their driver" if survivors else "",
        fix="Report this: what ends a program with its driver does not work here" if survivors else None,
    )


ALL: tuple[Callable[[Ground], Coroutine[Any, Any, CanaryResult]], ...] = (
    environment_clean,
    network_none,
    host_files_hidden,
    sysctl_read_only,
    processes_limited,
    memory_limited,
    disk_limited,
    dies_with_driver,
)
