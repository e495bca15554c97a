"""kill -9 of a run while its experiment is in the sandbox: resumed, the program has run effectively once."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

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

    @hookimpl
    def extend_graph(self, builder: Any) -> None:
        builder.add_stage(Running(), after="write", paths=("draft",))


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at(owner: Any, name: str, *, done: bool = False) -> Callable[[], None]:
    """Die where a function of the sandbox is called, or when it has returned."""

    def arm() -> None:
        real = getattr(owner, name)

        def armed(*args: Any, **how: Any) -> Any:
            if done:
                real(*args, **how)
            die()

        setattr(owner, name, armed)

    return arm


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


PHASES: dict[str, tuple[Callable[[], None], int]] = {
    "its inputs are laid": (at(place, "fill", done=True), 2),
    "bubblewrap is being set up": (at(Start, "__call__", done=True), 2),
    "it has ended and is not buried": (at(Supervisor, "_bury"), 2),
    "its outputs are about to be collected": (at(collect, "collect"), 2),
    "its folder is removed": (at(Place, "remove", done=True), 2),
    "its outcome is about to be journalled": (when_told("sandbox", done=False), 2),
    "its outcome is journalled": (when_told("sandbox", done=True), 1),
}


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    if shutil.which("bwrap") is None:
        pytest.skip("needs bubblewrap: apt install bubblewrap libseccomp2")
    made = Path(tempfile.mkdtemp(prefix="peercycle-killed-", dir="/var/tmp"))
    made.chmod(0o711)
    probed = asyncio.run(BubblewrapSandbox(BubblewrapSettings(state_dir=made)).probe())
    if not probed.passed:
        remove_tree(made)
        pytest.skip(f"needs a working bubblewrap: {probed.problem}")
    yield made
    remove_tree(made)


@pytest.mark.parametrize("phase", PHASES)
def test_a_run_killed_is_resumed_and_its_program_ran_effectively_once_when(
    phase: str, state: Path, task: ResearchTask, options: Options, kit: KitOf
) -> None:
    arm, attempts = PHASES[phase]
    settings = {"sandboxes": {"bubblewrap": {"state_dir": str(state)}}}
    asked = options(sandbox="bubblewrap", rounds=0, candidates=1, settings=settings)
    sandbox = BubblewrapSandbox(BubblewrapSettings(state_dir=state))

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
    asyncio.run(sandbox.reap())
    assert list((state / "executions").iterdir()) == []


async def effects_of(path: Path) -> list[tuple[Any, Any]]:
    from peercycle.store.directory import read_run

    run = read_run(path)
    rows = await run.rows("effects")
    return [(row["attempts"], row["state"]) for row in rows if row["kind"] == "sandbox"]
