"""Event hooks: in order, off the loop, and never a danger to the run or to each other."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from peercycle import hookimpl
from peercycle.core.events import AfterStage, BeforeStage, RunEnd, RunEvent
from peercycle.plugins.manager import Plugins
from peercycle.plugins.problems import MOST_OF_A_HOOK

HANGS_S = 60.0
"""How long a listener that hangs does not return."""


def event(number: int) -> RunEvent:
    return RunEvent("r1", "log", 0.0, str(number))


class Hears:
    name = "hears"

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.threads: set[int] = set()

    @hookimpl
    def before_stage(self, event: BeforeStage) -> None:
        self.heard.append(event)

    @hookimpl
    def after_stage(self, event: AfterStage) -> None:
        self.heard.append(event)

    @hookimpl
    def on_event(self, event: RunEvent) -> None:
        self.threads.add(threading.get_ident())
        self.heard.append(event)

    @hookimpl
    def on_run_end(self, event: RunEnd) -> None:
        self.heard.append(event)


def managed(*plugins: object, patience_s: float = 10.0, queue_limit: int = 10_000) -> Plugins:
    return Plugins.load(
        *plugins, entry_points=False, builtin=False, environ={}, patience_s=patience_s, queue_limit=queue_limit
    )


def test_events_arrive_in_order_in_another_thread() -> None:
    hears = Hears()

    async def main() -> None:
        plugins = managed(hears)
        told: list[Any] = [BeforeStage("r1", "c0", "write", 1), AfterStage("r1", "c0", "write", 1, 0.1, {})]
        plugins.before_stage(told[0])
        plugins.after_stage(told[1])
        for number in range(200):
            told.append(event(number))
            plugins.on_event(told[-1])
        told.append(RunEnd("r1", "runs/r1", "finished", "accepted", 6.0, 1))
        plugins.on_run_end(told[-1])
        await plugins.drain_events()
        assert hears.heard == told
        assert threading.get_ident() not in hears.threads
        await plugins.close()

    asyncio.run(main())


def test_a_listener_that_raises_is_a_problem_and_the_others_hear_all() -> None:
    class Raises:
        @hookimpl
        def on_event(self, event: RunEvent) -> None:
            raise RuntimeError(f"no {event.message}")

    hears = Hears()

    async def main() -> None:
        plugins = managed(Raises(), hears)
        for number in range(3):
            plugins.on_event(event(number))
        await plugins.close()
        for number, problem in enumerate(plugins.problems):
            assert "plugin 'Raises'" in problem.message
            assert f"failed in on_event: RuntimeError: no {number}" in problem.message
        assert len(plugins.problems) == 3

    asyncio.run(main())
    assert [e.message for e in hears.heard] == ["0", "1", "2"]


def test_a_listener_that_raises_something_else_at_every_event_fills_no_memory() -> None:
    class Raises:
        @hookimpl
        def on_event(self, event: RunEvent) -> None:
            raise RuntimeError(f"no {event.message}")

        @hookimpl
        def before_stage(self, event: BeforeStage) -> None:
            raise RuntimeError("nor this")

    async def main() -> None:
        plugins = managed(Raises())
        for number in range(3 * MOST_OF_A_HOOK):
            plugins.on_event(event(number))
        plugins.before_stage(BeforeStage("r1", "c0", "write", 1))
        await plugins.close()
        told = [problem.message for problem in plugins.problems]
        assert len(told) == MOST_OF_A_HOOK + 2
        assert f"no {MOST_OF_A_HOOK - 1}" in told[-3]
        assert told[-2] == "plugin 'Raises' fails in on_event again and again; what follows is not kept"
        assert "before_stage: RuntimeError: nor this" in told[-1]

    asyncio.run(main())


def test_a_listener_that_hangs_stops_neither_the_run_nor_the_others() -> None:
    release = threading.Event()

    class Hangs:
        heard = 0

        @hookimpl
        def on_event(self, event: RunEvent) -> None:
            Hangs.heard += 1
            release.wait(HANGS_S)

    hears = Hears()

    async def main() -> None:
        plugins = managed(Hangs(), hears, patience_s=0.2)
        began = time.monotonic()
        for number in range(5):
            plugins.on_event(event(number))
        while len(hears.heard) < 5:
            # It must not be found in the middle of a call, as a busy machine may leave it.
            assert time.monotonic() - began < HANGS_S
            await asyncio.sleep(0.01)
        await plugins.close()
        # Whoever waited for the listener would wait for as long as that.
        assert time.monotonic() - began < HANGS_S
        assert len(hears.heard) == 5
        (problem,) = plugins.problems
        assert "plugin 'Hangs'" in problem.message
        assert "has not returned in 0.2 s; it hears no more" in problem.message

    try:
        asyncio.run(main())
    finally:
        release.set()
    time.sleep(0.05)
    assert Hangs.heard == 1


def test_a_listener_that_falls_far_behind_is_given_up() -> None:
    release = threading.Event()

    class Slow:
        @hookimpl
        def on_event(self, event: RunEvent) -> None:
            release.wait(30)

    async def main() -> None:
        plugins = managed(Slow(), queue_limit=3)
        for number in range(10):
            plugins.on_event(event(number))
        assert "fell 3 events behind" in plugins.problems[0].message
        release.set()
        await plugins.close()

    asyncio.run(main())


def test_no_thread_is_left_after_close() -> None:
    before = threading.active_count()

    async def main() -> None:
        plugins = managed(Hears())
        plugins.on_event(event(0))
        await plugins.close()

    asyncio.run(main())
    deadline = time.monotonic() + 60
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before
