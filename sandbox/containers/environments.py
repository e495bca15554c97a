"""Environments for containers: packages on this machine, mounted read-only, made for the image's Python."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from peercycle.core.sandboxing import EnvironmentRef
from peercycle.sandbox import records
from peercycle.sandbox.containers.settings import NAME, DockerSettings
from peercycle.sandbox.profile import ENVIRONMENT
from peercycle.sandbox.settings import state_at

FOLDER = "environments"


@dataclass(frozen=True, slots=True)
class Opened:
    """An environment as an execution uses it."""

    image: str
    mounts: tuple[tuple[Path, str], ...] = ()
    python: str = f"{ENVIRONMENT}/bin/python"

    def argv(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """Return the program's arguments; `python` is the environment's, whatever else PATH holds."""
        return (self.python, *argv[1:]) if argv[0] in ("python", "python3") else argv


def state_directory(settings: DockerSettings) -> Path:
    """Return where the sandbox keeps its things. It need not exist."""
    return state_at(settings.state_dir)


def opened(settings: DockerSettings, ref: EnvironmentRef) -> Opened:
    """Return what an execution mounts of an environment. Raises `SandboxError` for one that is not what it says."""
    target, record = records.located(NAME, state_directory(settings), ref)
    return Opened(record.image, ((target, ENVIRONMENT),))
