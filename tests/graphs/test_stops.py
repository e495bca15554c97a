"""Budget, outage, questions, drains: what stops a run, and how it goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.graphs.conftest import MeanRating

from peercycle import hookimpl
from peercycle.agents.models.scripted import ScriptedModel, ScriptedModelSettings
from peercycle.core.base import Word
from peercycle.core.contracts import Edition, StageContext
from peercycle.core.errors import OutageError, UsageError
from peercycle.core.journal import RunReader
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.modelling import Usage
from peercycle.core.runs import ModelChoice, RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs.driver import resume, start
from peercycle.graphs.many import start_many
from peercycle.graphs.signals import drain_all, draining_on_signals
from peercycle.plugins.manager import Plugins
from peercycle.store.directory import read_run
from peercycle.store.runs import answer_question, request_stop, run_status

Options = Callable[..., RunOptions]
Kit = Callable[..., Plugins]


class Flaky:
    """A source that is down as long as its switch is."""

    down = True
    capabilities = frozenset({"search"})

    async def add(self, bibliography: Bibliography) -> None:
        return

    async def search(self, query: str, *, limit: int = 20, filters: Any = None) -> tuple[Reference, ...]:
        if Flaky.down:
            raise OutageError("flaky: no answer")
        return ()


class BackAfterOne(Flaky):
    """It is up again as soon as it has refused one search."""

    async def search(self, query: str, *, limit: int = 20, filters: Any = None) -> tuple[Reference, ...]:
        try:
            return await super().search(query, limit=limit, filters=filters)
        finally:
            Flaky.down = False


class BackAfterOnePlugin:
    @hookimpl
    def register_literature(self, register: Any) -> None:
        register("flaky", lambda settings: BackAfterOne())


class FlakyPlugin:
    @hookimpl
    def register_literature(self, register: Any) -> None:
        register("flaky", lambda settings: Flaky())


def test_an_outage_stops_the_run_and_resume_goes_on(task: ResearchTask, options: Options, kit: Kit) -> None:
    Flaky.down = True
    stopped = asyncio.run(start(task, options(literature=("flaky",)), kit(FlakyPlugin())))
    assert (stopped.status, stopped.reason) == ("stopped", "outage")
    Flaky.down = False
    finished = asyncio.run(resume(stopped.path, kit(FlakyPlugin())))
    assert (finished.status, finished.reason) == ("finished", "round_limit")


def test_an_outage_is_waited_through(task: ResearchTask, options: Options, kit: Kit) -> None:
    Flaky.down = True

    async def main() -> str:
        waits = options(literature=("flaky",), on_outage="wait:30s")
        result = await start(task, waits, kit(BackAfterOnePlugin()))
        events = await read_run(result.path).events(kinds=("outage",))
        assert events
        return result.status

    assert asyncio.run(main()) == "finished"


def test_a_run_that_waits_for_a_service_drains_at_once(
    task: ResearchTask, options: Options, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    Flaky.down = True
    monkeypatch.setattr("peercycle.graphs.openrun.RETRY_OUTAGE_S", (3600.0,))

    async def main() -> tuple[str, Any]:
        async def drain_once_it_waits(run: Any) -> None:
            while not await run.store.events(kinds=("outage",)):
                await asyncio.sleep(0.05)
            run.drain("drained", "asked")

        draining: list[asyncio.Task[None]] = []

        def on_launch(run: Any) -> None:
            draining.append(asyncio.create_task(drain_once_it_waits(run)))

        waits = options(literature=("flaky",), on_outage="wait:2h")
        async with asyncio.timeout(60):
            result = await start(task, waits, kit(FlakyPlugin()), on_launch)
        return result.status, result.reason

    assert asyncio.run(main()) == ("stopped", "drained")


class Panel:
    """Rates by two effects at once: one that fails soon, and one that would take the rest of the day."""

    async def review(self, submission: Any, ctx: StageContext) -> Any:
        async def fails() -> Any:
            await asyncio.sleep(0.05)
            raise OutageError("the engine has gone")

        async def waits() -> Any:
            await asyncio.sleep(86_400)

        most = Usage(prompt_tokens=5, completion_tokens=5, model_calls=1)
        await asyncio.gather(ctx.effect("ask", 1, waits, reserve=most), ctx.effect("ask", 2, fails, reserve=most))


class PanelPlugin:
    @hookimpl
    def register_reviewers(self, register: Any) -> None:
        register("panel", lambda settings: Panel())


def test_what_is_in_flight_when_its_stage_fails_is_given_up_and_counted(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    async def main() -> tuple[str, set[str], float]:
        result = await start(task, options(reviewer="panel", candidates=1), kit(PanelPlugin()))
        left = {repr(one) for one in asyncio.all_tasks() - {asyncio.current_task()}}
        (line,) = [line for line in await read_run(result.path).spending() if line.name == "tokens"]
        # The one in flight may have gone out: its worst case counts as spent, and nothing stays reserved.
        return result.reason or "", left, line.reserved

    reason, left, reserved = asyncio.run(main())
    assert reason == "outage"
    assert not [one for one in left if "perform" in one or "effect" in one], left
    assert reserved == 0


class DownTwice:
    """A source that is down at its first and at its third request, and takes its time in between."""

    capabilities = frozenset({"search"})

    def __init__(self) -> None:
        self.requests = 0

    async def add(self, bibliography: Bibliography) -> None:
        return

    async def search(self, query: str, *, limit: int = 20, filters: Any = None) -> tuple[Reference, ...]:
        self.requests += 1
        if self.requests in {1, 3}:
            raise OutageError("no answer")
        await asyncio.sleep(1.5)
        return ()


class DownTwicePlugin:
    @hookimpl
    def register_literature(self, register: Any) -> None:
        register("down-twice", lambda settings: DownTwice())


def test_a_second_outage_has_a_deadline_of_its_own(task: ResearchTask, options: Options, kit: Kit) -> None:
    waiting = options(literature=("down-twice",), on_outage="wait:2s", candidates=1, rounds=0)
    result = asyncio.run(start(task, waiting, kit(DownTwicePlugin())))
    assert (result.status, result.reason) == ("finished", "round_limit")


def test_a_question_waits_for_its_answer(task: ResearchTask, options: Options, kit: Kit) -> None:
    asking = {"policies": {"kit-policy": {"ask": True}}}
    waiting = asyncio.run(start(task, options(candidates=1, settings=asking), kit()))
    assert waiting.status == "waiting"

    async def answer(value: Any) -> None:
        (question,) = await read_run(waiting.path).questions(open_only=True)
        await answer_question(waiting.path, question.id, value)

    asyncio.run(answer({"name": "of the wrong form"}))
    assert asyncio.run(resume(waiting.path, kit())).status == "waiting"
    asyncio.run(answer({"title": "A Title Given by Hand"}))
    finished = asyncio.run(resume(waiting.path, kit()))
    assert finished.status == "finished"
    assert finished.paper is not None
    assert finished.paper.title == "A Title Given by Hand"


class Go(Word):
    publish: bool


class AskingExporter:
    """Asks before it writes."""

    scope = "paper"

    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> dict[str, bytes]:
        assert edition is not None
        go = await ctx.ask("Shall this be published?", Go)
        return {"paper/paper.txt": edition.disclosure.encode()} if go.publish else {}


class AskingExporterPlugin:
    @hookimpl
    def register_exporters(self, register: Any) -> None:
        register("asking", lambda settings: AskingExporter())


def test_an_exporter_may_ask_and_the_run_waits(task: ResearchTask, options: Options, kit: Kit) -> None:
    asking = options(exporters=("asking", "kit-report"), rounds=0)
    waiting = asyncio.run(start(task, asking, kit(AskingExporterPlugin())))
    assert waiting.status == "waiting"

    async def answer() -> None:
        (question,) = await read_run(waiting.path).questions(open_only=True)
        await answer_question(waiting.path, question.id, {"publish": True})

    asyncio.run(answer())
    assert asyncio.run(resume(waiting.path, kit(AskingExporterPlugin()))).status == "finished"
    assert (waiting.path / "paper" / "paper.txt").exists()


def test_a_stop_request_drains_and_resume_finishes(task: ResearchTask, options: Options, kit: Kit) -> None:
    slow = {"policies": {"kit-policy": {"effect_s": 0.3}}}

    async def main() -> Any:
        launched: list[Any] = []
        running = asyncio.create_task(start(task, options(settings=slow), kit(), on_launch=launched.append))
        while not launched:
            await asyncio.sleep(0.01)
        request_stop(launched[0].path)
        return await running

    stopped = asyncio.run(main())
    assert (stopped.status, stopped.reason) == ("stopped", "drained")
    assert (stopped.path / "report.json").exists()
    assert asyncio.run(resume(stopped.path, kit())).reason == "round_limit"


def test_a_stop_that_is_asked_for_before_the_first_stage_is_heard(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    def asks(run: Any) -> None:
        request_stop(run.path)

    stopped = asyncio.run(start(task, options(), kit(), on_launch=asks))
    assert (stopped.status, stopped.reason) == ("stopped", "drained")
    assert asyncio.run(resume(stopped.path, kit())).reason == "round_limit"


def test_a_stop_that_an_earlier_driver_left_behind_stops_no_later_one(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    stopped = asyncio.run(start(task, options(rounds=0), kit()))
    request_stop(stopped.path)
    long_ago = time.time() - 60
    os.utime(stopped.path / "stop", (long_ago, long_ago))
    assert asyncio.run(resume(stopped.path, kit(), {"rounds": 1})).reason == "round_limit"


class Ringing:
    """A reward function during whose opening a signal arrives."""

    async def __aenter__(self) -> MeanRating:
        drain_all("SIGTERM was received")
        return MeanRating()

    async def __aexit__(self, *_: object) -> None:
        return None


def test_a_run_that_is_being_opened_when_a_signal_comes_drains_too(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    class Plugin:
        @hookimpl
        def register_rewards(self, register: Any) -> None:
            register("ringing", lambda settings: Ringing())

    (outcome,) = asyncio.run(start_many([(task, options(reward="ringing"))], kit(Plugin())))
    assert (outcome.status, outcome.message) == ("stopped", "SIGTERM was received")
    # What one queue was asked to do is forgotten by the next.
    (again,) = asyncio.run(start_many([(task, options(run_id="r2"))], kit()))
    assert again.status == "finished"


def test_a_request_that_a_model_refuses_counts_against_the_limits(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    class Refusing:
        @hookimpl
        def register_models(self, register: Any) -> None:
            register("refusing", ScriptedModel, ScriptedModelSettings)

    refusing = ModelChoice(name="refusing", settings={"answers": [{"when": ".", "error": "refused"}]})
    asking = {"policies": {"kit-policy": {"model": True}}}
    result = asyncio.run(
        start(task, options(candidates=1, models={"default": refusing}, settings=asking), kit(Refusing()))
    )
    assert result.status == "failed"
    spent = {line.name: line.spent for line in asyncio.run(read_run(result.path).spending())}
    assert spent["model_calls"] == 3
    assert spent["cost"] is None
    with pytest.raises(UsageError, match=r"a money limit of 5\.0 needs prices"):
        asyncio.run(resume(result.path, kit(Refusing()), {"budget": {"cost": 5.0}}))
    assert run_status(result.path) == "failed"


class Deaf:
    def drain(self, reason: Any, message: str) -> None:
        return


def test_the_last_run_may_be_driven_in_a_thread_beside_the_main_loop() -> None:
    entered, released = threading.Event(), threading.Event()

    async def beside() -> None:
        with draining_on_signals(Deaf()):
            entered.set()
            await asyncio.to_thread(released.wait)

    async def main() -> None:
        with draining_on_signals(Deaf()):
            other = asyncio.create_task(asyncio.to_thread(asyncio.run, beside()))
            await asyncio.to_thread(entered.wait)
        released.set()
        await other

    asyncio.run(main())


def test_a_program_that_ends_itself_on_sigterm_hears_of_it_while_a_run_drains() -> None:
    heard: list[object] = []

    class Draining:
        def drain(self, reason: Any, message: str) -> None:
            heard.append(message)

    async def main() -> None:
        with draining_on_signals(Draining()):
            os.kill(os.getpid(), signal.SIGTERM)
            async with asyncio.timeout(10):
                while len(heard) < 2:
                    await asyncio.sleep(0.01)

    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        asyncio.run(main())
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == ["SIGTERM was received", signal.SIGTERM]


def test_what_a_servers_loop_does_on_sigterm_stays_its_own_during_a_run_and_after() -> None:
    heard: list[str] = []

    class Draining:
        def drain(self, reason: Any, message: str) -> None:
            heard.append(message)

    async def sigterm() -> None:
        told = len(heard)
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(10):
            while len(heard) == told:
                await asyncio.sleep(0.01)

    async def main() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, heard.append, "the server")
        with draining_on_signals(Draining()):
            await sigterm()
        await sigterm()

    asyncio.run(main())
    assert heard == ["the server", "the server"]


def test_handlers_that_a_run_in_a_thread_left_standing_are_not_taken_from_the_next_loop() -> None:
    entered, released = threading.Event(), threading.Event()

    async def beside() -> None:
        with draining_on_signals(Deaf()):
            entered.set()
            await asyncio.to_thread(released.wait)

    async def leaves_first() -> None:
        with draining_on_signals(Deaf()):
            other = asyncio.create_task(asyncio.to_thread(asyncio.run, beside()))
            await asyncio.to_thread(entered.wait)
        released.set()
        await other

    async def a_servers() -> bool:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, lambda: None)
        with draining_on_signals(Deaf()):
            pass
        return loop.remove_signal_handler(signal.SIGTERM)

    asyncio.run(leaves_first())
    assert asyncio.run(a_servers())


def test_a_terminal_that_closes_drains_the_runs_in_hand() -> None:
    heard: list[str] = []

    class Draining:
        def drain(self, reason: Any, message: str) -> None:
            heard.append(message)

    async def main() -> None:
        with draining_on_signals(Draining()):
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(0.1)

    # Without our handler the signal would end the tests.
    before = signal.signal(signal.SIGHUP, lambda *_: None)
    try:
        asyncio.run(main())
    finally:
        signal.signal(signal.SIGHUP, before)
    assert heard == ["SIGHUP was received"]


def test_a_signal_that_is_ignored_stays_so_while_a_run_is_driven() -> None:
    heard: list[str] = []

    class Draining:
        def drain(self, reason: Any, message: str) -> None:
            heard.append(message)

    async def main() -> None:
        with draining_on_signals(Draining()):
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0.1)

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        asyncio.run(main())
    finally:
        signal.signal(signal.SIGINT, before)
    assert not heard
