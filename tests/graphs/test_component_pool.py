"""Components that runs of one process share: entered once, left once, also where entering fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from peercycle import hookimpl
from peercycle.core.errors import PluginError
from peercycle.core.runs import RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs.cycle import KEPT_CYCLES, cycle_of
from peercycle.graphs.launch import create_and_open
from peercycle.graphs.pool import Pool, current_pool
from peercycle.plugins.manager import Plugins
from peercycle.store.directory import open_run


class FailsAtFirst:
    """A sandbox of which only the first entering fails."""

    def __init__(self) -> None:
        self.tries, self.left = 0, 0

    @hookimpl
    def register_sandboxes(self, register: Any) -> None:
        register("flaky", lambda settings: self)

    async def __aenter__(self) -> FailsAtFirst:
        self.tries += 1
        await asyncio.sleep(0)
        if self.tries == 1:
            raise RuntimeError("not yet")
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.left += 1


def test_a_loop_keeps_few_compiled_cycles_however_many_programs_load_their_plugins(
    kit: Callable[..., Plugins],
) -> None:
    async def main() -> None:
        loaded = [kit() for _ in range(KEPT_CYCLES + 1)]
        for plugins in loaded:
            cycle_of(plugins, None)
        assert list(current_pool().cycles) == loaded[1:]

    asyncio.run(main())


def test_who_tries_again_at_once_does_not_lose_the_component_to_one_who_was_told_later() -> None:
    component = FailsAtFirst()
    plugins = Plugins.load(component, entry_points=False, builtin=False, environ={})

    async def main() -> None:
        pool = Pool()

        async def patient() -> Any:
            try:
                return await pool.acquire(plugins, "sandboxes", "flaky", {})
            except PluginError:
                return await pool.acquire(plugins, "sandboxes", "flaky", {})

        async def impatient() -> None:
            with pytest.raises(PluginError, match="not yet"):
                await pool.acquire(plugins, "sandboxes", "flaky", {})

        holding, _ = await asyncio.gather(patient(), impatient())
        await holding.release()
        assert (component.tries, component.left) == (2, 1)

    asyncio.run(main())


class Leaving:
    """A policy and a reviewer that are entered and left, of which one takes its time over it."""

    def __init__(self) -> None:
        self.leaving = asyncio.Event()
        self.left: list[str] = []

    @hookimpl
    def register_policies(self, register: Any) -> None:
        register("first", lambda settings: Left(self, "first"))

    @hookimpl
    def register_reviewers(self, register: Any) -> None:
        register("slow", lambda settings: Left(self, "slow"))


class Left:
    def __init__(self, told: Leaving, name: str) -> None:
        self.told, self.name = told, name

    async def __aenter__(self) -> Left:
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self.name == "slow":
            self.told.leaving.set()
            await asyncio.sleep(20)
        self.told.left.append(self.name)


def test_a_close_that_is_cancelled_at_one_component_leaves_the_others_all_the_same(
    task: ResearchTask, options: Callable[..., RunOptions], kit: Callable[..., Plugins]
) -> None:
    components = Leaving()

    async def main() -> None:
        chosen = options(policy="first", reviewer="slow", sandbox="none")
        run = await create_and_open(task, chosen, kit(components), None, in_loop=True)
        ending = asyncio.create_task(run.close())
        await asyncio.wait_for(components.leaving.wait(), 60)
        ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ending
        assert components.left == ["first"]
        # The lease is free.
        await (await open_run(run.path, in_loop=True)).close()

    asyncio.run(main())
