"""Components that runs of one process share: entered once, left once, also where entering fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from peercycle import hookimpl
from peercycle.core.errors import PluginError
from peercycle.graphs.cycle import KEPT_CYCLES, cycle_of
from peercycle.graphs.pool import Pool, current_pool
from peercycle.plugins.manager import Plugins


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
