"""How the nodes of a plain call share the run that one of them opened."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from langgraph.runtime import Runtime

from peercycle.core.runs import RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs import launch, registry
from peercycle.graphs.registry import Runs
from peercycle.plugins.manager import Plugins

Options = Callable[..., RunOptions]
Kit = Callable[..., Plugins]
Use = Callable[[], Awaitable[None]]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every opening of a run, as it happens."""
    found: list[Path] = []
    real = launch.open_existing

    async def counted(path: Path, *args: Any, **how: Any) -> Any:
        found.append(path)
        return await real(path, *args, **how)

    monkeypatch.setattr(launch, "open_existing", counted)
    return found


def with_nodes(task: ResearchTask, options: Options, kit: Kit, main: Callable[[Use], Awaitable[None]]) -> None:
    """Make a run that nobody has open, and hand over what a node does with it."""

    async def whole() -> None:
        plugins = kit()
        run = await launch.create_and_open(task, options(), plugins, None, in_loop=False)
        await run.close()
        runs, state = Runs(plugins), {"run": {"id": run.run_id, "dir": str(run.path)}}

        async def use() -> None:
            async with runs.use(state, Runtime()):
                pass

        await main(use)

    asyncio.run(whole())


def test_nodes_that_come_and_go_quickly_close_no_run_between_them(
    task: ResearchTask, options: Options, kit: Kit, opened: list[Path]
) -> None:
    async def main(use: Use) -> None:
        for _ in range(20):
            await use()
            # What was to close the run later has begun to wait; the next node calls it off, and is gone before it hears.
            await asyncio.sleep(0)

    with_nodes(task, options, kit, main)
    assert len(opened) == 1


def test_a_node_that_comes_while_the_run_is_being_closed_opens_it_again(
    task: ResearchTask, options: Options, kit: Kit, opened: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "LINGER_S", 0.0)

    async def main(use: Use) -> None:
        for _ in range(3):
            await use()
            while not registry._LEAVING:
                await asyncio.sleep(0)

    with_nodes(task, options, kit, main)
    assert len(opened) == 3


def test_where_a_runs_path_leads_is_looked_up_once_while_it_is_open(
    task: ResearchTask, options: Options, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "LINGER_S", 0.0)
    looked: list[str] = []
    real = os.path.realpath

    def realpath(path: str) -> str:
        looked.append(path)
        return real(path)

    monkeypatch.setattr(os.path, "realpath", realpath)

    async def main(use: Use) -> None:
        for _ in range(20):
            await use()
        assert len(looked) == 1
        while registry._OPEN or registry._LEAVING:
            await asyncio.sleep(0)
        await use()
        assert len(looked) == 2
        while registry._OPEN or registry._LEAVING:
            await asyncio.sleep(0)
        assert not registry._LEADS_TO

    with_nodes(task, options, kit, main)


def test_a_relative_path_leads_to_the_run_of_the_folder_that_the_program_stands_in(
    tmp_path: Path, task: ResearchTask, options: Options, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / "one", tmp_path / "other"]

    async def main() -> list[Path]:
        plugins = kit()
        runs, found = Runs(plugins), []
        for folder in folders:
            folder.mkdir()
            here = options().model_copy(update={"runs_dir": str(folder / "runs")})
            await (await launch.create_and_open(task, here, plugins, None, in_loop=False)).close()
        for folder in folders:
            monkeypatch.chdir(folder)
            async with runs.use({"run": {"id": "r1", "dir": "runs/r1"}}, Runtime()):
                found.append(Path(next(reversed(registry._OPEN))[1]))
        return found

    assert asyncio.run(main()) == [folder / "runs" / "r1" for folder in folders]
