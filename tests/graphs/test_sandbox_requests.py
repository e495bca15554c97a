"""Who pays for a request that the sandbox refuses, and for a sandbox that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from peercycle import hookimpl
from peercycle.core.contracts import ArtifactStore, StageContext
from peercycle.core.errors import RefusedRequestError, SandboxError
from peercycle.core.runs import RunOptions
from peercycle.core.sandboxing import EnvironmentRef, EnvironmentSpec, ExecRequest, ExecResult, ProbeResult
from peercycle.core.writing import ResearchTask
from peercycle.graphs.driver import start
from peercycle.graphs.replay import replay
from peercycle.plugins.manager import Plugins

Options = Callable[..., RunOptions]
Kit = Callable[..., Plugins]


class PickySandbox:
    """Raises what it was made with for a program called `bad`."""

    name = "picky"

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def probe(self) -> ProbeResult:
        return ProbeResult(backend=self.name, available=True)

    async def prepare(self, spec: EnvironmentSpec) -> EnvironmentRef:
        return EnvironmentRef(name=spec.name, digest="d", backend=self.name, location="/")

    async def run(
        self, request: ExecRequest, environment: EnvironmentRef, artifacts: ArtifactStore, on_output: Any = None
    ) -> ExecResult:
        if request.argv == ("bad",):
            raise self.error
        return ExecResult(status="ok", duration_s=0.0, backend=self.name)

    async def reap(self) -> tuple[str, ...]:
        return ()


class Running:
    """Runs a bad program on the first candidate, a good one on any other."""

    name = "running"

    async def __call__(self, state: Mapping[str, Any], ctx: StageContext) -> Mapping[str, Any]:
        await ctx.run_sandbox(ExecRequest(argv=("bad",) if ctx.candidate == "c0" else ("good",)))
        return {}


class Picky:
    """The plugin of both."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    @hookimpl
    def register_sandboxes(self, register: Any) -> None:
        register("picky", lambda settings: PickySandbox(self.error))

    @hookimpl
    def extend_graph(self, builder: Any) -> None:
        builder.add_stage(Running(), after="write", paths=("draft",))


def test_a_refused_request_costs_its_candidate_and_not_the_run(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    refusing = Picky(RefusedRequestError("input path '../x' must be a plain relative path"))
    result = asyncio.run(start(task, options(sandbox="picky", rounds=0), kit(refusing)))
    assert (result.status, result.reason) == ("finished", "round_limit")
    assert [row.status for row in result.candidates] == ["failed", "complete"]
    assert result.candidates[0].error == "running: input path '../x' must be a plain relative path"
    assert asyncio.run(replay(result.path, kit(refusing))).differences == ()


def test_a_sandbox_that_fails_ends_the_run(task: ResearchTask, options: Options, kit: Kit) -> None:
    failing = Picky(SandboxError("the sandbox is stuck"))
    result = asyncio.run(start(task, options(sandbox="picky", rounds=0), kit(failing)))
    assert (result.status, result.message) == ("failed", "the sandbox is stuck")
