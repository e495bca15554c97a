"""The suite of attacks and behaviours on Docker, with a daemon of the tests' own."""

from __future__ import annotations

import contextlib
import os
import signal
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from peercycle.core.contracts import Sandbox
from peercycle.plugins.testing import SandboxContract
from peercycle.plugins.testing.sandbox_suite.ground import alive
from peercycle.sandbox.containers.backend import DockerSandbox
from peercycle.sandbox.containers.engine import engine
from peercycle.sandbox.containers.settings import DockerSettings


class TestDocker(SandboxContract):
    """One container for each program, on the session's own daemon."""

    kind = "docker"
    docker: ClassVar[DockerSettings | None] = None

    @pytest.fixture(autouse=True)
    def _on_a_daemon(self, docker_settings: DockerSettings) -> None:
        type(self).docker = docker_settings

    def sandbox(self) -> Sandbox:
        return DockerSandbox(self.docker)

    def weakened(self, without: frozenset[str]) -> Sandbox:
        assert self.docker is not None
        return DockerSandbox.weakened(self.docker, without)  # type: ignore[arg-type]

    def facts(self) -> dict[str, Any]:
        assert self.docker is not None
        return {
            "holder": _first_process,
            "kill_holder": _kill,
            "remains": partial(_remains, self.docker),
            "host_path": self.docker.state_dir,
        }


def _first_process(mark: str) -> int | None:
    """What holds a program: process 1 of its container, as the host numbers it."""
    for pid in alive(mark):
        with contextlib.suppress(OSError, ValueError):
            parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            return parent if parent > 1 else None
    return None


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def _remains(settings: DockerSettings) -> list[str]:
    assert settings.state_dir is not None
    with engine(settings) as client:
        left = [str(each["Id"]) for each in client.containers(all=True)]
    return left + [str(entry) for entry in (settings.state_dir / "executions").iterdir()]
