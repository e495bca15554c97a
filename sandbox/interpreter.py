"""The Python that environments are made of: one that the unprivileged user can reach."""

from __future__ import annotations

import functools
import json
import os
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from peercycle.core.errors import SandboxError
from peercycle.sandbox.settings import BubblewrapSettings

SYSTEM = Path("/usr/bin/python3")
OLDEST = (3, 11)
_ASK = (
    "import json, platform, sys; print(json.dumps([sys.version_info[:3], sys.implementation.name,"
    " platform.machine(), sys.base_prefix, getattr(sys, '_base_executable', sys.executable)]))"
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python, as it describes itself."""

    path: Path
    version: tuple[int, int, int]
    implementation: str
    machine: str
    prefix: Path
    platforms: tuple[str, ...] = ()
    """Tags of the wheels that it takes, where it is not of this machine."""

    @property
    def tag(self) -> str:
        """What an environment built of it depends on."""
        return f"{self.implementation}-{'.'.join(map(str, self.version))}-{self.machine}-{self.path}"

    @property
    def site(self) -> str:
        """Where packages lie in an environment of it."""
        return f"lib/python{self.version[0]}.{self.version[1]}/site-packages"

    @property
    def binds(self) -> tuple[tuple[Path, str], ...]:
        """What must be mounted beside /usr for it to run."""
        inside_usr = self.prefix == Path("/usr") or Path("/usr") in self.prefix.parents
        return () if inside_usr else ((self.prefix, str(self.prefix)),)


def find(settings: BubblewrapSettings) -> Interpreter:
    """Return the configured Python, else the system's, else the running one.

    Raises `SandboxError` where none is 3.11 or newer and reachable by an unprivileged user.
    """
    return _find(settings.interpreter, os.geteuid() == 0)


@functools.cache
def _find(configured: Path | None, root: bool) -> Interpreter:
    problems = []
    for path in [configured] if configured else [SYSTEM, Path(sys.executable)]:
        problem = _problem(path, root)
        if isinstance(problem, Interpreter):
            return problem
        problems.append(f"{path}: {problem}")
    raise SandboxError(
        f"no Python for the sandbox ({'; '.join(problems)}): install python3 3.11 or newer, or set `interpreter`"
    )


def _problem(path: Path, root: bool) -> Interpreter | str:
    """Return the interpreter, or what is wrong with it."""
    try:
        asked = subprocess.run(
            [str(path), "-I", "-S", "-c", _ASK], capture_output=True, timeout=20, check=True, env={}, cwd="/"
        )
        version, implementation, machine, prefix, executable = json.loads(asked.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return "does not run"
    if tuple(version[:2]) < OLDEST:
        return f"is {version[0]}.{version[1]}"
    real = Path(executable).resolve()
    if root:
        for place in (real, Path(prefix) / "lib"):
            blocked = unreachable(place)
            if blocked is not None:
                return f"an unprivileged user cannot pass {blocked}"
    return Interpreter(real, (version[0], version[1], version[2]), implementation, machine, Path(prefix))


def unreachable(path: Path) -> Path | None:
    """Return the first folder on the way to `path`, or it, that a user of no group cannot pass; None where none."""
    for place in (*reversed(path.parents), path):
        if place.stat().st_mode & stat.S_IXOTH == 0:
            return place
    return None
