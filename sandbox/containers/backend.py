"""The Docker sandbox: one container per execution, as closed as a container can be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal

from peercycle.core.contracts import ArtifactStore
from peercycle.core.sandboxing import (
    DataRecord,
    DataSpec,
    EnvironmentRef,
    EnvironmentSpec,
    ExecRequest,
    ExecResult,
    ProbeResult,
)
from peercycle.sandbox import reap
from peercycle.sandbox.containers import execution, facts, leftovers, probe
from peercycle.sandbox.containers.environments import state_directory
from peercycle.sandbox.containers.settings import NAME, DockerSettings
from peercycle.sandbox.containers.weakening import Weakening
from peercycle.sandbox.fetching import materials
from peercycle.sandbox.requiring import refuse_unmet


class DockerSandbox:
    """Runs each program in a container of its own, through the Docker daemon of this machine."""

    name = NAME

    def __init__(self, settings: DockerSettings | None = None) -> None:
        self.settings = settings or DockerSettings()
        self._slots: tuple[asyncio.AbstractEventLoop, asyncio.Semaphore] | None = None
        self._without: Weakening = frozenset()

    @classmethod
    def weakened(cls, settings: DockerSettings, without: Weakening) -> DockerSandbox:
        """Return a sandbox that lacks protections, to prove that a test of them can fail. Never for a real run.

        It runs requests that require no guarantee.
        """
        made = cls(settings)
        made._without = without
        return made

    async def probe(self) -> ProbeResult:
        """Run the canaries; the answer is kept for the life of this process."""
        return await probe.cached(self.settings)

    async def prepare(self, spec: EnvironmentSpec) -> EnvironmentRef:
        """Return an environment, built first where it is not there yet, with network.

        Raises `RefusedRequestError` (an unknown name, a requirement that is not pinned), `SandboxError` (offline and
        not built, no daemon, no image).
        """
        return await asyncio.to_thread(facts.prepare, self.settings, spec)

    async def fetch(self, data: Sequence[DataSpec]) -> tuple[DataRecord, ...]:
        """Fetch what an execution is to read, within limits and from allowed hosts; see `FetchingSandbox.fetch`."""
        return await asyncio.to_thread(materials.fetch, data, state_directory(self.settings), self.settings.fetch)

    async def run(
        self,
        request: ExecRequest,
        environment: EnvironmentRef,
        artifacts: ArtifactStore,
        on_output: Callable[[Literal["stdout", "stderr"], bytes], None] | None = None,
    ) -> ExecResult:
        """Run one program and collect its outputs; see `peercycle.core.contracts.Sandbox.run`."""
        if self._without:
            probed = ProbeResult(backend=self.name, available=True)
        else:
            probed = await self.probe()
        refuse_unmet(request, probed)
        async with self._free_slot():
            ended = await execution.execute(self.settings, request, environment, artifacts, on_output, self._without)
        return ended.model_copy(update={"version": probed.version, "guarantees": probed.guarantees})

    def _free_slot(self) -> asyncio.Semaphore:
        """Return what bounds the executions at a time; a semaphore belongs to one event loop."""
        loop = asyncio.get_running_loop()
        if self._slots is None or self._slots[0] is not loop:
            self._slots = (loop, asyncio.Semaphore(self.settings.slots))
        return self._slots[1]

    async def reap(self) -> tuple[str, ...]:
        """Remove what dead drivers left: containers, by their labels, and directories."""
        containers = await asyncio.to_thread(leftovers.reap, self.settings)
        return (*containers, *await asyncio.to_thread(reap.reap, state_directory(self.settings)))
