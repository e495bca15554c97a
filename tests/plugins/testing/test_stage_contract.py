"""The contract of stages, held to by stages broken on purpose."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from peercycle.core.base import JSON
from peercycle.core.contracts import Channel, StageContext
from peercycle.core.writing import Manuscript
from peercycle.plugins.testing import StageContract, failures


class CountsWords:
    """A good stage: counts the manuscript's words, and has a service count them too."""

    name = "words"

    async def __call__(self, state: Mapping[str, JSON], ctx: StageContext) -> Mapping[str, JSON]:
        manuscript = await ctx.load(str(state["manuscript"]), Manuscript)

        async def count() -> JSON:
            return len(manuscript.latex.split())

        counted = await ctx.effect("count", {"title": manuscript.title}, count)
        return {"words": {"count": counted, "visit": ctx.visit, "sample": ctx.rng.randrange(100)}}


class TestGoodStage(StageContract):
    channels = [Channel("words")]

    def stage(self) -> Any:
        return CountsWords()


class Undeclared(CountsWords):
    async def __call__(self, state: Mapping[str, JSON], ctx: StageContext) -> Mapping[str, JSON]:
        return {**await super().__call__(state, ctx), "letters": 3}


class NotJson(CountsWords):
    async def __call__(self, state: Mapping[str, JSON], ctx: StageContext) -> Mapping[str, Any]:
        await super().__call__(state, ctx)
        return {"words": {1, 2}}


class TooLarge(CountsWords):
    async def __call__(self, state: Mapping[str, JSON], ctx: StageContext) -> Mapping[str, JSON]:
        await super().__call__(state, ctx)
        return {"words": "word " * 60_000}


class ReturnsAList(CountsWords):
    async def __call__(self, state: Mapping[str, JSON], ctx: StageContext) -> Any:
        await super().__call__(state, ctx)
        return ["words"]


class SwallowsThePause(CountsWords):
    async def __call__(self, state: Mapping[str, JSON], ctx: StageContext) -> Mapping[str, JSON]:
        try:
            return await super().__call__(state, ctx)
        except Exception:
            return {"words": None}


class SwallowsCancellation(CountsWords):
    async def __call__(self, state: Mapping[str, JSON], ctx: StageContext) -> Mapping[str, JSON]:
        import asyncio

        try:
            return await super().__call__(state, ctx)
        except asyncio.CancelledError:
            return {"words": None}


class ChangesTheState(CountsWords):
    async def __call__(self, state: Mapping[str, Any], ctx: StageContext) -> Mapping[str, JSON]:
        state["words"].append("changed")
        return await super().__call__(state, ctx)


class CountsItsCalls(CountsWords):
    calls = 0

    async def __call__(self, state: Mapping[str, JSON], ctx: StageContext) -> Mapping[str, JSON]:
        self.calls += 1
        return {"words": {"calls": self.calls, **(await super().__call__(state, ctx))}}


class OwnDice(CountsWords):
    async def __call__(self, state: Mapping[str, JSON], ctx: StageContext) -> Mapping[str, JSON]:
        await super().__call__(state, ctx)
        return {"words": random.random()}


class BadName(CountsWords):
    name = "count words"


class TakenName(CountsWords):
    name = "select"


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Undeclared, "test_it_plays_to_the_end"),
        (NotJson, "test_it_plays_to_the_end"),
        (TooLarge, "test_it_plays_to_the_end"),
        (ReturnsAList, "test_it_plays_to_the_end"),
        (SwallowsThePause, "test_what_ends_a_run_passes_through_it"),
        (SwallowsCancellation, "test_what_ends_a_run_passes_through_it"),
        (ChangesTheState, "test_it_plays_to_the_end"),
        (CountsItsCalls, "test_it_keeps_nothing_from_one_call_to_the_next"),
        (OwnDice, "test_a_kill_and_a_resume_leave_what_an_undisturbed_play_leaves"),
        (BadName, "test_its_name_can_name_a_node"),
        (TakenName, "test_its_name_can_name_a_node"),
    ],
)
def test_the_stage_contract_catches(broken: type[Any], check: str) -> None:
    class Held(StageContract):
        channels = [Channel("words", default=[])]

        def stage(self) -> Any:
            return broken()

    assert check in failures(Held, only=check)


def test_a_channel_of_the_graph_is_not_the_plugins() -> None:
    class Held(StageContract):
        channels = [Channel("manuscript")]

        def stage(self) -> Any:
            return CountsWords()

    assert "test_its_channels_are_its_own" in failures(Held, only="test_its_channels_are_its_own")
