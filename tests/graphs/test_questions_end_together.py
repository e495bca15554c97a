"""Questions that are asked at once end together: where one fails, no other stays in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from peercycle import hookimpl
from peercycle.core.errors import OutageError
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.runs import RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs.driver import start
from peercycle.plugins.manager import Plugins

Options = Callable[..., RunOptions]
Kit = Callable[..., Plugins]

QUESTION = "what comes of the others"


class Slow:
    """A source that does not answer this question."""

    in_flight = 0
    asked = 0
    online = True
    capabilities = frozenset({"search"})

    async def add(self, bibliography: Bibliography) -> None:
        """Take nothing."""

    async def search(self, query: str, *, limit: int = 20, filters: Any = None) -> tuple[Reference, ...]:
        if query == QUESTION:
            Slow.in_flight += 1
            Slow.asked += 1
            try:
                await asyncio.sleep(20)
            finally:
                Slow.in_flight -= 1
        return ()


class Down(Slow):
    """A source that is down, once the slow one has been asked."""

    async def search(self, query: str, *, limit: int = 20, filters: Any = None) -> tuple[Reference, ...]:
        if query == QUESTION:
            while not Slow.in_flight:
                await asyncio.sleep(0.001)
            raise OutageError("down: no answer")
        return ()


class ForgivingStage:
    """Goes on without what it asked for."""

    name = "forgiving"
    left: ClassVar[list[int]] = []
    """How many questions were in flight when it went on."""

    async def __call__(self, state: Any, ctx: Any) -> dict[str, Any]:
        try:
            await ctx.search(QUESTION, limit=3)
        except OutageError:
            ForgivingStage.left.append(Slow.in_flight)
        return {}


class SourcesPlugin:
    @hookimpl
    def register_literature(self, register: Any) -> None:
        register("slow", lambda settings: Slow())
        register("down", lambda settings: Down())

    @hookimpl
    def extend_graph(self, builder: Any) -> None:
        builder.add_stage(ForgivingStage(), after="related")


def test_a_source_that_fails_leaves_no_question_to_another_in_flight(
    task: ResearchTask, options: Options, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Slow, "asked", 0)
    monkeypatch.setattr(ForgivingStage, "left", [])
    chosen = options(literature=("kit-shelf", "slow", "down"), candidates=1, rounds=0)
    result = asyncio.run(start(task, chosen, kit(SourcesPlugin())))
    assert result.status == "finished", result.message
    assert (Slow.asked, ForgivingStage.left) == (1, [0])
