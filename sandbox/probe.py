"""Asking a sandbox what it holds here: the canaries run, and each says what it saw."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import dataclass
from pathlib import Path

from peercycle.core.errors import PeercycleError, SandboxError
from peercycle.core.outlasting import together
from peercycle.core.sandboxing import EnvironmentRef, EnvironmentSpec, ExecRequest, ExecResult, Limits, ProbeResult
from peercycle.sandbox import canaries, environments, execution, orphan
from peercycle.sandbox.canaries import SMALL, NoArtifacts
from peercycle.sandbox.protections import Weakening
from peercycle.sandbox.settings import NAME, BubblewrapSettings, state_directory
from peercycle.sandbox.start import INSTALL, find_bwrap

OLDEST = (0, 8)
USER_NAMESPACES = (
    "If user namespaces are closed: on Ubuntu 24.04 and newer add an AppArmor profile for /usr/bin/bwrap with "
    "`userns,`; in Docker use a seccomp profile that allows them, or --privileged; else set the sysctls "
    "kernel.unprivileged_userns_clone=1 and user.max_user_namespaces above 0"
)
CGROUP_FIX = (
    "Run where cgroups with the memory and pids controllers can be made (as root, or in a delegated scope: "
    "systemd-run --user --scope -p Delegate=yes), or on Linux 5.14 or newer"
)


@dataclass(frozen=True, slots=True)
class Ground:
    """What the canaries run on: bubblewrap, whole or weakened."""

    settings: BubblewrapSettings
    without: Weakening
    environment: EnvironmentRef
    cgroup_fix: str = CGROUP_FIX
    host_files: tuple[str, ...] = ("/etc/shadow", "/etc/machine-id", "/etc/fstab", "/proc/kcore")

    @property
    def state(self) -> Path:
        """Where bubblewrap's things lie."""
        return state_directory(self.settings)

    async def run(self, program: str, *args: str, limits: Limits = SMALL) -> ExecResult:
        """Run a Python program given as text."""
        request = ExecRequest(argv=("python", "-I", "-S", "-c", program, *args), limits=limits, requires=frozenset())
        return await execution.execute(self.settings, self.without, request, self.environment, NoArtifacts())

    async def survivors(self) -> list[int]:
        """Return what is left of a program whose driver was killed."""
        return await orphan.survivors(self.settings, self.without, self.environment)


_kept: dict[tuple[BubblewrapSettings, Weakening], ProbeResult] = {}


async def cached(settings: BubblewrapSettings, without: Weakening) -> ProbeResult:
    """Return what the probe has shown in this process, probing first where it has not yet."""
    key = (settings, without)
    if key not in _kept:
        _kept[key] = await probe(settings, without)
    return _kept[key]


async def probe(settings: BubblewrapSettings, without: Weakening) -> ProbeResult:
    """Run a trivial program, then the canaries. Never raises for a sandbox that does not work here."""
    version = ""
    try:
        version = await asyncio.to_thread(_version, settings.bwrap)
        environment = await asyncio.to_thread(environments.prepare, settings, EnvironmentSpec(name="base"))
        ground = Ground(settings, without, environment)
        await canaries.trivial(ground)
        seen = await together(canary(ground) for canary in canaries.ALL)
    except PeercycleError as error:
        return ProbeResult(
            backend=NAME, version=version, available=False, problem=_one_line(str(error)), fix=_fix(str(error))
        )
    return ProbeResult(backend=NAME, version=version, available=True, canaries=tuple(seen))


def _version(name: str) -> str:
    bwrap = find_bwrap(name)
    try:
        asked = subprocess.run([bwrap, "--version"], capture_output=True, text=True, check=True, timeout=10, env={})
        version = asked.stdout.split()[-1]
        numbers = tuple(int(part) for part in version.split(".")[:2])
    except (OSError, ValueError, IndexError, subprocess.SubprocessError) as error:
        raise SandboxError(f"{bwrap!r} does not say its version: {INSTALL}") from error
    if numbers < OLDEST:
        raise SandboxError(f"bubblewrap is {version}: {INSTALL}")
    return version


def _fix(problem: str) -> str:
    if "cannot build an environment in" in problem:
        return "Name a folder that this user may write, with room: --set sandboxes.bubblewrap.state_dir=DIR"
    if "bubblewrap" in problem and "install" in problem:
        return INSTALL
    if any(word in problem for word in ("namespace", "uid map", "Operation not permitted", "Permission denied")):
        return USER_NAMESPACES
    return "See docs/sandbox.md, and `peercycle doctor`"


def _one_line(text: str) -> str:
    return " ".join(text.split())
