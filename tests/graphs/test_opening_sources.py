"""A literature source that cannot be opened: its own refusal or outage, and asked for only where the journal is silent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from peercycle import hookimpl
from peercycle.core.errors import BadRequestError, OutageError, PeercycleError
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.runs import Budget, RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs.driver import resume, start
from peercycle.plugins.manager import Plugins
from peercycle.store.directory import read_run

Options = Callable[..., RunOptions]
Kit = Callable[..., Plugins]


class Shut:
    """An online source that cannot be opened as long as its failure stands."""

    failure: PeercycleError | None = None
    opened = 0
    online = True
    capabilities = frozenset({"search"})

    async def add(self, bibliography: Bibliography) -> None:
        Shut.opened += 1
        if Shut.failure is not None:
            raise Shut.failure

    async def search(self, query: str, *, limit: int = 20, filters: Any = None) -> tuple[Reference, ...]:
        return ()


class AskingStage:
    """Asks the sources, and then something that may be down."""

    name = "asking"
    down = False
    opened = 0
    """How often the source had been opened once it had answered."""

    async def __call__(self, state: Any, ctx: Any) -> dict[str, Any]:
        async def look() -> None:
            if AskingStage.down:
                raise OutageError("something else is down")

        found = await ctx.search("sorting study", limit=3)
        AskingStage.opened = Shut.opened
        await ctx.effect("look", {}, look)
        await ctx.log(f"asked: {json.dumps([work.title for work in found])}")
        return {}


class ShutPlugin:
    @hookimpl
    def register_literature(self, register: Any) -> None:
        register("shut", lambda settings: Shut())

    @hookimpl
    def extend_graph(self, builder: Any) -> None:
        builder.add_stage(AskingStage(), after="related")


@pytest.fixture(autouse=True)
def _open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shut, "failure", None)
    monkeypatch.setattr(Shut, "opened", 0)
    monkeypatch.setattr(AskingStage, "down", False)
    monkeypatch.setattr(AskingStage, "opened", 0)


BOTH: dict[str, Any] = {"literature": ("kit-shelf", "shut"), "candidates": 1}


def asked(result: Any) -> list[str]:
    """Return what the asking stage logged."""
    events = asyncio.run(read_run(result.path).events(kinds=("log",)))
    return [event.message for _, event in events if event.message.startswith("asked: ")]


@pytest.mark.parametrize("budget", [Budget(), Budget(requests=100)])
def test_one_that_refuses_to_be_opened_keeps_nobody_else_from_answering(
    budget: Budget, task: ResearchTask, options: Options, kit: Kit
) -> None:
    Shut.failure = BadRequestError("this source takes no such bibliography")
    result = asyncio.run(start(task, options(budget=budget, **BOTH), kit(ShutPlugin())))
    assert result.status == "finished", result.message
    assert all("Sorting study number" in line for line in asked(result)) and asked(result)


def test_an_outage_while_opening_is_waited_through(task: ResearchTask, options: Options, kit: Kit) -> None:
    Shut.failure = OutageError("shut: no answer")

    async def main() -> Any:
        asyncio.get_running_loop().call_later(0.5, lambda: setattr(Shut, "failure", None))
        return await start(task, options(on_outage="wait:30s", **BOTH), kit(ShutPlugin()))

    result = asyncio.run(main())
    assert result.status == "finished", result.message
    assert asyncio.run(read_run(result.path).events(kinds=("outage",)))


def test_an_outage_while_opening_is_passed_over_where_the_options_say_so(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    Shut.failure = OutageError("shut: no answer")
    result = asyncio.run(start(task, options(on_outage="continue", **BOTH), kit(ShutPlugin())))
    assert result.status == "finished", result.message
    assert asyncio.run(read_run(result.path).events(kinds=("outage_passed_over",)))


def test_a_resume_opens_no_source_whose_answers_the_journal_has(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    AskingStage.down = True
    stopped = asyncio.run(start(task, options(rounds=0, **BOTH), kit(ShutPlugin())))
    assert (stopped.status, stopped.reason, AskingStage.opened) == ("stopped", "outage", 1)
    AskingStage.down, Shut.opened = False, 0
    finished = asyncio.run(resume(stopped.path, kit(ShutPlugin())))
    assert (finished.status, AskingStage.opened) == ("finished", 0), finished.message
