"""A sandbox in a loop that is a server's: nothing of it waits for the disk there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from peercycle.core.sandboxing import EnvironmentSpec, ExecRequest
from peercycle.sandbox import cgroups
from peercycle.sandbox.containers.backend import DockerSandbox
from peercycle.sandbox.containers.settings import DockerSettings
from peercycle.sandbox.probe import probe

if TYPE_CHECKING:
    from tests.sandbox.conftest import Bodies, Harness


def test_neither_a_probe_nor_a_program_blocks_the_loop(harness: Harness, servers_loop: None) -> None:
    cgroups.find.cache_clear()
    assert asyncio.run(probe(harness.settings, frozenset())).available
    assert harness.said("print(1)") == "1"


def test_neither_blocks_the_loop_with_docker(
    docker_settings: DockerSettings, bodies: Bodies, servers_loop: None
) -> None:
    async def main() -> str:
        sandbox = DockerSandbox(docker_settings)
        assert (await sandbox.probe()).available
        environment = await sandbox.prepare(EnvironmentSpec(name="base"))
        request = ExecRequest(argv=("python", "-I", "-S", "-c", "print(1)"))
        return (await sandbox.run(request, environment, bodies)).stdout.text.strip()

    assert asyncio.run(main()) == "1"
