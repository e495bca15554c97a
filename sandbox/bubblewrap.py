"""The bubblewrap sandbox: namespaces, a system call filter and limits, without a daemon."""

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
from peercycle.sandbox import environments, execution, probe, reap
from peercycle.sandbox.fetching import materials
from peercycle.sandbox.protections import Weakening
from peercycle.sandbox.requiring import refuse_unmet
from peercycle.sandbox.settings import NAME, BubblewrapSettings, state_directory


class BubblewrapSandbox:
    """Runs each program in namespaces of its own, as an unprivileged user, under limits that hold for all of it.

    Works as root (each concurrent execution is a user of its own) and as an ordinary user; Linux on x86_64 and
    aarch64. Data of the kinds `artifact` and `path` is taken; nothing is fetched.
    """

    name = NAME

    def __init__(self, settings: BubblewrapSettings | None = None) -> None:
        self.settings = settings or BubblewrapSettings()
        self._without: Weakening = frozenset()

    @classmethod
    def weakened(cls, settings: BubblewrapSettings, without: Weakening) -> BubblewrapSandbox:
        """Return a sandbox that lacks protections, to prove that a test of them can fail. Never for a real run.

        Its probe shows the guarantees that are gone, so a request that requires them is refused.
        """
        made = cls(settings)
        made._without = without
        return made

    async def probe(self) -> ProbeResult:
        """Run the canaries; the answer is kept for the life of this process."""
        return await probe.cached(self.settings, self._without)

    async def prepare(self, spec: EnvironmentSpec) -> EnvironmentRef:
        """Return an environment, built first where it is not there yet, with network.

        Raises `RefusedRequestError` (an unknown name, a requirement that is not pinned), `SandboxError` (offline and
        not built).
        """
        return await asyncio.to_thread(environments.prepare, self.settings, spec)

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
        if self._without and not request.requires:
            # A proof: canaries would only show again, slowly, what was taken away.
            probed = ProbeResult(backend=self.name, available=True)
        else:
            probed = await self.probe()
        refuse_unmet(request, probed)
        ended = await execution.execute(self.settings, self._without, request, environment, artifacts, on_output)
        return ended.model_copy(
            update={"backend": self.name, "version": probed.version, "guarantees": probed.guarantees}
        )

    async def reap(self) -> tuple[str, ...]:
        """Remove what dead drivers left: processes, cgroups, directories."""
        return await asyncio.to_thread(reap.reap, state_directory(self.settings))


__all__ = ["BubblewrapSandbox", "BubblewrapSettings"]
