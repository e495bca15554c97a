"""kill -9 of a run while its experiment is in the sandbox: resumed, the program has run effectively once."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.killing import after, before, die

from peercycle import hookimpl
from peercycle.core.base import JSON
from peercycle.core.contracts import StageContext
from peercycle.core.runs import RunOptions
from peercycle.core.sandboxing import EnvironmentSpec, ExecRequest, Limits
from peercycle.core.writing import ResearchTask
from peercycle.graphs.driver import resume, start
from peercycle.plugins.manager import Plugins
from peercycle.plugins.testing.children import run_in_child
from peercycle.sandbox import collect, place
from peercycle.sandbox.bubblewrap import BubblewrapSandbox, BubblewrapSettings
from peercycle.sandbox.containers import leftovers, profile
from peercycle.sandbox.containers.backend import DockerSandbox
from peercycle.sandbox.containers.engine import engine
from peercycle.sandbox.containers.session import Session
from peercycle.sandbox.containers.settings import DockerSettings
from peercycle.sandbox.place import Place, remove_tree
from peercycle.sandbox.start import Start
from peercycle.sandbox.supervise import Supervisor
from peercycle.store.driven import RunDirectory

Options = Callable[..., RunOptions]
KitOf = Callable[..., Plugins]


class Running:
    """Runs one program, and keeps what it wrote."""

    name = "running"

    async def __call__(self, state: Mapping[str, Any], ctx: StageContext) -> Mapping[str, Any]:
        program = "import os; open('out.txt', 'w').write('made'); print('up', flush=True)"
        request = ExecRequest(
            argv=("python", "-I", "-S", "-c", program),
            environment=EnvironmentSpec(name="base"),
            outputs=("out.txt",),
            limits=Limits(wall_s=30),
        )
        result = await ctx.run_sandbox(request)
        assert [await ctx.artifacts.get(each.artifact) for each in result.outputs] == [b"made"]
        return {}


class Kit:
    @hookimpl
    def register_sandboxes(self, register: Any) -> None:
        register("bubblewrap", BubblewrapSandbox, BubblewrapSettings)
        register("docker", DockerSandbox, DockerSettings)

    @hookimpl
    def extend_graph(self, builder: Any) -> None:
        builder.add_stage(Running(), after="write", paths=("draft",))


def when_told(kind: str, *, done: bool) -> Callable[[], None]:
    """Die where the outcome of the program is about to be journalled, or has been."""

    def arm() -> None:
        real = RunDirectory.settle_effect

        async def armed(self: Any, ticket: Any, outcome: Any) -> None:
            ours = isinstance(outcome.result, dict) and "duration_s" in outcome.result
            if ours and not done:
                die()
            await real(self, ticket, outcome)
            if ours:
                die()

        RunDirectory.settle_effect = armed  # type: ignore[method-assign]

    return arm


Phases = Mapping[str, tuple[Callable[[], None], int]]
TOLD: Phases = {
    "its outcome is about to be journalled": (when_told("sandbox", done=False), 2),
    "its outcome is journalled": (when_told("sandbox", done=True), 1),
}
ON_BUBBLEWRAP: Phases = {
    "its inputs are laid": (after(place, "fill"), 2),
    "bubblewrap is being set up": (after(Start, "__call__"), 2),
    "it has ended and is not buried": (before(Supervisor, "_bury"), 2),
    "its outputs are about to be collected": (before(collect, "collect"), 2),
    "its folder is removed": (after(Place, "remove"), 2),
    **TOLD,
}
ON_DOCKER: Phases = {
    "its container is created": (after(profile, "create"), 2),
    "its container has started and knows no plan": (before(Session, "watch"), 2),
    "it has ended and is not collected": (after(Session, "watch"), 2),
    "its files are collected": (after(Session, "bodies"), 2),
    "its container is removed": (after(leftovers, "remove"), 2),
    **TOLD,
}


@dataclass(frozen=True, slots=True)
class Backend:
    """A sandbox that works here, how a run is told of it, and what is left of its executions."""

    name: str
    sandbox: BubblewrapSandbox | DockerSandbox
    settings: dict[str, JSON]
    containers: Callable[[], list[JSON]] = list

    def left(self) -> list[JSON]:
        assert self.sandbox.settings.state_dir is not None
        return [
            *self.containers(),
            *(each.name for each in (self.sandbox.settings.state_dir / "executions").iterdir()),
        ]


@pytest.fixture(scope="module")
def bubblewrap() -> Iterator[Backend]:
    if shutil.which("bwrap") is None:
        pytest.skip("needs bubblewrap: apt install bubblewrap libseccomp2")
    made = Path(tempfile.mkdtemp(prefix="peercycle-killed-", dir="/var/tmp"))
    made.chmod(0o711)
    sandbox = BubblewrapSandbox(BubblewrapSettings(state_dir=made))
    probed = asyncio.run(sandbox.probe())
    if not probed.passed:
        remove_tree(made)
        pytest.skip(f"needs a working bubblewrap: {probed.problem}")
    yield Backend("bubblewrap", sandbox, {"state_dir": str(made)})
    remove_tree(made)


@pytest.fixture(scope="module")
def docker(docker_settings: DockerSettings) -> Backend:
    def containers() -> list[JSON]:
        with engine(docker_settings) as client:
            return [str(each["Id"]) for each in client.containers(all=True)]

    sandbox = DockerSandbox(docker_settings)
    assert asyncio.run(sandbox.probe()).passed
    told: dict[str, JSON] = {"base_url": docker_settings.base_url, "state_dir": str(docker_settings.state_dir)}
    return Backend("docker", sandbox, told, containers)


@pytest.mark.parametrize("phase", ON_BUBBLEWRAP)
def test_a_run_killed_is_resumed_and_its_program_ran_effectively_once_when(
    phase: str, bubblewrap: Backend, task: ResearchTask, options: Options, kit: KitOf, tmp_path: Path
) -> None:
    kill_and_resume(bubblewrap, ON_BUBBLEWRAP[phase], task, options, kit, tmp_path)


@pytest.mark.parametrize("phase", ON_DOCKER)
def test_a_run_killed_is_resumed_and_its_container_ran_effectively_once_when(
    phase: str, docker: Backend, task: ResearchTask, options: Options, kit: KitOf, tmp_path: Path
) -> None:
    kill_and_resume(docker, ON_DOCKER[phase], task, options, kit, tmp_path)


def kill_and_resume(
    on: Backend,
    phase: tuple[Callable[[], None], int],
    task: ResearchTask,
    options: Options,
    kit: KitOf,
    folder: Path,
) -> None:
    arm, attempts = phase
    asked = options(sandbox=on.name, rounds=0, candidates=1, settings={"sandboxes": {on.name: on.settings}})
    undisturbed = asked.model_copy(update={"runs_dir": str(folder / "undisturbed")})

    async def killed() -> JSON:
        arm()
        await start(task, asked, kit(Kit()))
        return None

    ended = run_in_child(killed)
    assert ended.signal == signal.SIGKILL, ended.error
    path = Path(asked.runs_dir) / "r1"
    result = asyncio.run(resume(path, kit(Kit())))
    assert (result.status, result.reason) == ("finished", "round_limit"), result.message
    assert asyncio.run(effects_of(path)) == [(attempts, "settled")]
    # Once more, and nothing more is done.
    assert asyncio.run(resume(path, kit(Kit()))).status == "finished"
    assert asyncio.run(effects_of(path)) == [(attempts, "settled")]
    assert asyncio.run(start(task, undisturbed, kit(Kit()))).status == "finished"
    assert bodies_of(path) == bodies_of(Path(undisturbed.runs_dir) / "r1")
    asyncio.run(on.sandbox.reap())
    assert on.left() == []


def bodies_of(path: Path) -> set[str]:
    """Return the names of a run's artefacts, which are the hashes of what they hold."""
    found = {each.name for each in (path / "artifacts").rglob("*") if each.is_file()}
    assert found
    return found


async def effects_of(path: Path) -> list[tuple[Any, Any]]:
    from peercycle.store.directory import read_run

    run = read_run(path)
    rows = await run.rows("effects")
    return [(row["attempts"], row["state"]) for row in rows if row["kind"] == "sandbox"]
