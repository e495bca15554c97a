"""Plugins add, replace and wrap stages, and keep channels of their own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from peercycle import hookimpl
from peercycle.core.contracts import Channel, Stage, StageContext
from peercycle.core.errors import PluginConflictError, PluginError
from peercycle.core.runs import RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs.driver import resume, start
from peercycle.graphs.stagelist import build_stages
from peercycle.plugins.manager import Plugins
from peercycle.store.directory import read_run

Options = Callable[..., RunOptions]
Kit = Callable[..., Plugins]


class Counting:
    """Counts its own calls in a channel."""

    name = "counting"

    async def __call__(self, state: Mapping[str, Any], ctx: StageContext) -> dict[str, Any]:
        return {"counted": state["counted"] + 1}


class Around:
    """Runs the stage that it wraps, and notes that it did."""

    def __init__(self, inner: Stage) -> None:
        self.inner = inner
        self.name = inner.name

    async def __call__(self, state: Mapping[str, Any], ctx: StageContext) -> dict[str, Any]:
        return {**await self.inner(state, ctx), "wrapped": [*(state.get("wrapped") or []), self.name]}


class Adds:
    @hookimpl
    def extend_graph(self, builder: Any) -> None:
        builder.add_stage(Counting(), after="check", channels=[Channel("counted", default=0)])


class Wraps:
    @hookimpl
    def extend_graph(self, builder: Any) -> None:
        builder.wrap_stage("write", Around, channels=[Channel("wrapped")])


class Returning:
    """Replaces the check by a stage that returns what it was made with."""

    def __init__(self, updates: Any) -> None:
        self.updates = updates

    @hookimpl
    def extend_graph(self, builder: Any) -> None:
        updates = self.updates

        class Check:
            name = "check"

            async def __call__(self, state: Mapping[str, Any], ctx: StageContext) -> Any:
                if isinstance(updates, Exception):
                    raise updates
                return updates

        builder.replace_stage("check", Check())


def test_an_added_stage_keeps_its_channel_through_draft_and_revision(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    result = asyncio.run(start(task, options(candidates=1), kit(Adds())))
    assert [row.state["counted"] for row in result.candidates] == [1, 2]


def test_a_wrapped_stage_does_what_it_did_and_more(task: ResearchTask, options: Options, kit: Kit) -> None:
    result = asyncio.run(start(task, options(candidates=1, rounds=0), kit(Wraps())))
    assert result.status == "finished"
    assert result.candidates[0].state["wrapped"] == ["write"]


@pytest.mark.parametrize(
    ("updates", "message"),
    [
        ({"surprise": 1}, "the channel 'surprise', which nobody declared"),
        ({"round": 7}, "the channel 'round', which the graph keeps"),
        ({"failure": None}, "the channel 'failure', which the graph keeps"),
        ({"check": {1, 2}}, "is not JSON"),
        ({"check": float("nan")}, "is not JSON"),
        ({"check": "x" * 300_000}, "over the limit of 262144"),
        ([1], "returned list"),
        (ZeroDivisionError("by a plugin"), "ZeroDivisionError: by a plugin"),
    ],
)
def test_what_a_stage_may_not_return_is_refused_when_returned(
    task: ResearchTask, options: Options, kit: Kit, updates: Any, message: str
) -> None:
    result = asyncio.run(start(task, options(candidates=1), kit(Returning(updates))))
    assert result.status == "failed"
    assert message in result.message
    # What the candidate had before is kept.
    assert result.candidates[0].manuscript is not None


def test_a_stage_added_where_there_is_none_names_those_that_there_are(kit: Kit) -> None:
    class Lost:
        @hookimpl
        def extend_graph(self, builder: Any) -> None:
            builder.add_stage(Counting(), after="chekc")

    with pytest.raises(PluginError, match=r"'chekc', which is no stage .* outline, related, write"):
        build_stages(kit(Lost()))


def test_two_replacements_of_one_stage_are_an_error_naming_both(kit: Kit) -> None:
    class Other(Returning):
        pass

    with pytest.raises(PluginConflictError, match=r"both replace the stage 'check'") as caught:
        build_stages(kit(Returning({}), Other({})))
    assert "Returning" in str(caught.value)
    assert "Other" in str(caught.value)


def test_a_plugin_may_not_declare_a_channel_that_is_taken(kit: Kit) -> None:
    class Taken:
        @hookimpl
        def extend_graph(self, builder: Any) -> None:
            builder.add_stage(Counting(), after="check", channels=[Channel("reward")])

    with pytest.raises(PluginConflictError, match="'reward', which is peercycle's own"):
        build_stages(kit(Taken()))


def test_a_resume_with_another_graph_is_refused_and_says_what_differs(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    result = asyncio.run(start(task, options(candidates=1), kit()))
    with pytest.raises(Exception, match=r'graph.draft: \+"counting"'):
        asyncio.run(resume(result.path, kit(Adds()), {"rounds": 2}))
    more = asyncio.run(resume(result.path, kit(Adds()), {"rounds": 2}, accept_changes=True))
    assert more.rounds == 2
    assert more.candidates[-1].state["counted"] == 1


def test_a_run_of_failed_drafts_is_resumed_once_their_cause_is_mended(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    broken = asyncio.run(start(task, options(), kit(Returning(OSError("no such file")))))
    assert (broken.status, broken.reason) == ("failed", "error")
    again = asyncio.run(resume(broken.path, kit(Returning(OSError("no such file")))))
    assert (again.status, again.reason) == ("failed", "error")
    mended = asyncio.run(resume(broken.path, kit(), accept_changes=True))
    assert (mended.status, mended.reason) == ("finished", "round_limit")
    assert [(row.candidate, row.round, row.status) for row in mended.candidates] == [
        ("c0", 0, "complete"),
        ("c0", 1, "complete"),
        ("c1", 0, "complete"),
    ]
    effects = asyncio.run(read_run(mended.path).rows("effects"))
    assert {e["attempts"] for e in effects} == {1}


def test_who_listens_has_heard_of_the_end_when_the_run_returns(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    heard: list[str] = []

    class Slow:
        @hookimpl
        def on_run_end(self, event: Any) -> None:
            time.sleep(0.3)
            heard.append(event.status)

    asyncio.run(start(task, options(candidates=1, rounds=0), kit(Slow())))
    assert heard == ["finished"]
