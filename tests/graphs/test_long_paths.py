"""A path of many stages is no endless loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from peercycle import hookimpl
from peercycle.core.base import JSON
from peercycle.core.contracts import StageContext
from peercycle.core.runs import RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs.driver import start
from peercycle.graphs.replay import replay
from peercycle.plugins.manager import Plugins


class Idle:
    def __init__(self, name: str) -> None:
        self.name = name

    async def __call__(self, state: Mapping[str, Any], ctx: StageContext) -> Mapping[str, JSON]:
        return {}


class FortyStages:
    @hookimpl
    def extend_graph(self, builder: Any) -> None:
        for number in range(40):
            builder.add_stage(Idle(f"idle{number}"), before="outline", paths=("draft",))


def test_a_plugin_may_add_forty_stages(
    task: ResearchTask, options: Callable[..., RunOptions], kit: Callable[..., Plugins]
) -> None:
    result = asyncio.run(start(task, options(), kit(FortyStages())))
    assert (result.status, result.reason) == ("finished", "round_limit")
    assert asyncio.run(replay(result.path, kit(FortyStages()))).differences == ()
