"""Asking Docker what it holds here: the same canaries as everywhere, each in a container."""

from __future__ import annotations

import asyncio
from typing import Any

from peercycle.core.errors import PeercycleError, SandboxUnavailableError
from peercycle.core.outlasting import together
from peercycle.core.sandboxing import (
    CanaryResult,
    EnvironmentRef,
    EnvironmentSpec,
    ExecRequest,
    ExecResult,
    Limits,
    ProbeResult,
)
from peercycle.sandbox import canaries
from peercycle.sandbox.canaries import SMALL, NoArtifacts
from peercycle.sandbox.containers import execution, facts, orphan
from peercycle.sandbox.containers.engine import engine, refusals
from peercycle.sandbox.containers.environments import state_directory
from peercycle.sandbox.containers.settings import NAME, DockerSettings

AT_ONCE = 4
"""Containers that a probe starts at a time: a small machine's daemon takes no more."""
_kept: dict[str, ProbeResult] = {}


class Ground:
    """What the canaries run on: a container each."""

    cgroup_fix = "let the daemon limit memory and processes: see the warnings of `docker info`"

    host_files = ("/etc/shadow", "/proc/kcore", "/proc/1/environ", "/var/run/docker.sock")
    """An image may have an /etc/fstab of its own; what it must not have is this machine's."""

    def __init__(self, settings: DockerSettings, environment: EnvironmentRef) -> None:
        self.settings = settings
        self.environment = environment
        self.state = state_directory(settings)
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def run(self, program: str, *args: str, limits: Limits = SMALL) -> ExecResult:
        """Run a Python program given as text."""
        request = ExecRequest(argv=("python", "-I", "-S", "-c", program, *args), limits=limits, requires=frozenset())
        async with self._slots:
            return await execution.execute(self.settings, request, self.environment, NoArtifacts())

    async def survivors(self) -> list[str]:
        """Return what is left of a program whose driver was killed."""
        async with self._slots:
            return await orphan.survivors(self.settings, self.environment)


async def cached(settings: DockerSettings) -> ProbeResult:
    """Return what the probe has shown in this process, probing first where it has not yet."""
    key = settings.model_dump_json()
    if key not in _kept or not _kept[key].available:
        _kept[key] = await probe(settings)
    return _kept[key]


async def probe(settings: DockerSettings) -> ProbeResult:
    """Run a trivial program, then the canaries. Never raises for a Docker that does not work here."""
    version = ""
    try:
        told = await asyncio.to_thread(_told, settings)
        version = str(told.get("ServerVersion", ""))
        environment = await asyncio.to_thread(facts.prepare, settings, EnvironmentSpec(name="base"))
        ground = Ground(settings, environment)
        await canaries.trivial(ground)
        seen = await together(canary(ground) for canary in canaries.ALL)
    except PeercycleError as error:
        problem = " ".join(str(error).split())
        if isinstance(error, SandboxUnavailableError):
            problem, _, fix = problem.partition(": ")
        else:
            fix = "See docs/sandbox.md, and `peercycle doctor`"
        return ProbeResult(backend=NAME, version=version, available=False, problem=problem, fix=fix or None)
    return ProbeResult(backend=NAME, version=version, available=True, canaries=_warned(tuple(seen), told))


def _told(settings: DockerSettings) -> dict[str, Any]:
    with engine(settings, timeout_s=20) as client, refusals("say what it is"):
        return dict(client.info())


def _warned(seen: tuple[CanaryResult, ...], told: dict[str, Any]) -> tuple[CanaryResult, ...]:
    """Let what the daemon itself says it cannot limit count as not limited, whatever the canary saw."""
    lacks = {
        "memory_limited": not told.get("MemoryLimit", True) or not told.get("SwapLimit", True),
        "processes_limited": not told.get("PidsLimit", True),
    }
    return tuple(
        canary.model_copy(
            update={
                "passed": False,
                "detail": "the daemon says that its kernel cannot limit this, or swap",
                "fix": "boot with cgroup_enable=memory swapaccount=1",
            }
        )
        if lacks.get(canary.guarantee)
        else canary
        for canary in seen
    )
