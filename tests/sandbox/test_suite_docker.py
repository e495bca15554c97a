"""The suite of attacks and behaviours on Docker, with a daemon of the tests' own."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from peercycle.core.contracts import Sandbox
from peercycle.plugins.testing import SandboxContract
from peercycle.sandbox.containers.backend import DockerSandbox
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

    def facts(self) -> dict[str, Any]:
        return {}
