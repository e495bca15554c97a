"""What does not fit beside what is in flight waits for it, and what is given up counts what it used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl

from peercycle.core.errors import BudgetExceededError
from peercycle.core.modelling import Spent, Usage
from peercycle.core.outlasting import together
from peercycle.core.runs import RunOptions
from peercycle.core.sandboxing import EnvironmentRef, EnvironmentSpec, ExecRequest, ExecResult, Limits
from peercycle.core.writing import ResearchTask
from peercycle.graphs.context import DriverContext
from peercycle.graphs.launch import create_and_open
from peercycle.graphs.openrun import OpenRun
from peercycle.plugins.manager import Plugins

Options = Callable[..., RunOptions]
Kit = Callable[..., Plugins]
Opened = Callable[[Callable[[OpenRun], Coroutine[Any, Any, None]]], None]
LIMIT = 300.0


class Napping:
    """Stands for a sandbox whose programs take a moment of the two minutes that they may take."""

    name = "napping"

    def __init__(self, naps: float, prepares: float = 0.0) -> None:
        self.naps = naps
        self.prepares = prepares
        self.began = 0

    async def prepare(self, spec: EnvironmentSpec) -> EnvironmentRef:
        await asyncio.sleep(self.prepares)
        return EnvironmentRef(name=spec.name, digest="d", backend=self.name, location="here")

    async def run(self, *_: Any) -> ExecResult:
        self.began += 1
        await asyncio.sleep(self.naps)
        return ExecResult(status="ok", duration_s=self.naps, backend=self.name)


class Held(Napping):
    """One whose programs end when they are let go."""

    def __init__(self, naps: float) -> None:
        super().__init__(naps)
        self.let_go = asyncio.Event()

    async def run(self, *_: Any) -> ExecResult:
        self.began += 1
        await self.let_go.wait()
        return ExecResult(status="ok", duration_s=self.naps, backend=self.name)


def program(number: int) -> ExecRequest:
    return ExecRequest(
        argv=("python", str(number)), environment=EnvironmentSpec(name="base"), limits=Limits(wall_s=120)
    )


async def seconds(run: OpenRun) -> tuple[float, float]:
    (line,) = [line for line in await run.store.spending() if line.name == "sandbox_seconds"]
    return line.spent or 0.0, line.reserved


def at(run: OpenRun, stage: str = "experiment") -> DriverContext:
    return DriverContext(run, stage=stage, candidate="c0", visit=1)


@pytest.fixture
def opened(task: ResearchTask, options: Options, kit: Kit) -> Opened:
    """Do something with a run that may use 300 seconds of sandbox; a waiter that nobody wakes fails."""

    def do(work: Callable[[OpenRun], Coroutine[Any, Any, None]]) -> None:
        async def main() -> None:
            limited = options(budget={"sandbox_seconds": LIMIT, "kept_for_finish": 0.0})
            run = await create_and_open(task, limited, kit(), RunControl(), in_loop=False)
            try:
                await asyncio.wait_for(work(run), 60)
            finally:
                await run.close()

        asyncio.run(main())

    return do


def test_executions_that_reserve_more_than_there_is_run_one_after_another(opened: Opened) -> None:
    async def work(run: OpenRun) -> None:
        run.sandbox = sandbox = Napping(0.02)  # type: ignore[assignment]
        ctx, most = at(run), 0.0

        async def watch() -> None:
            nonlocal most
            while True:
                most = max(most, sum(await seconds(run)))
                await asyncio.sleep(0)

        watching = asyncio.create_task(watch())
        await asyncio.gather(*[ctx.run_sandbox(program(number)) for number in range(12)])
        watching.cancel()
        assert sandbox.began == 12
        assert 120 < most <= LIMIT
        spent, reserved = await seconds(run)
        assert spent == pytest.approx(12 * 0.02)
        assert reserved == 0

    opened(work)


def test_what_does_not_fit_with_nothing_in_flight_is_refused_and_everybody_hears_of_it(opened: Opened) -> None:
    async def work(run: OpenRun) -> None:
        async def use() -> Spent:
            await asyncio.sleep(0.01)
            return Spent("used", Usage(sandbox_seconds=100))

        ctx, reserve = at(run), Usage(sandbox_seconds=100)
        ends = await asyncio.gather(
            *[ctx.effect("own", number, use, reserve=reserve) for number in range(8)], return_exceptions=True
        )
        assert [end for end in ends if isinstance(end, str)] == ["used"] * 3
        refused = [str(end) for end in ends if isinstance(end, BudgetExceededError)]
        assert len(refused) == 5
        assert all("300 of 300 is spent" in said and "at least 400" in said for said in refused)

    opened(work)


def test_an_effect_that_is_asked_for_inside_another_does_not_wait_for_it(opened: Opened) -> None:
    async def work(run: OpenRun) -> None:
        ctx, reserve = at(run), Usage(sandbox_seconds=200)

        async def inner() -> str:
            return "never"

        async def outer() -> Any:
            return await ctx.effect("inner", None, inner, reserve=reserve)

        with pytest.raises(BudgetExceededError, match="200 of 300"):
            await ctx.effect("outer", None, outer, reserve=reserve)

    opened(work)


def test_a_drain_ends_the_wait_and_leaves_the_finish_waiting(opened: Opened) -> None:
    async def work(run: OpenRun) -> None:
        run.sandbox = sandbox = Held(0.0)  # type: ignore[assignment]
        ctx, last = at(run), at(run, "finish")
        held = [asyncio.create_task(ctx.run_sandbox(program(number))) for number in range(2)]
        while sandbox.began < 2:
            await asyncio.sleep(0.01)
        waiting = asyncio.create_task(ctx.run_sandbox(program(2)))
        finishing = asyncio.create_task(last.run_sandbox(program(3)))
        await asyncio.sleep(0.05)
        run.drain("drained", "a stop was asked for")
        with pytest.raises(GraphDrained):
            await waiting
        assert not any(task.done() for task in held)
        sandbox.let_go.set()
        assert (await finishing).status == "ok"
        await asyncio.gather(*held)

    opened(work)


@pytest.mark.parametrize(
    ("prepares", "least", "most"), [(0.0, 0.1, 50.0), (60.0, 0.0, 0.0)], ids=["during", "before"]
)
def test_an_execution_that_is_cancelled_counts_what_it_used(
    opened: Opened, prepares: float, least: float, most: float
) -> None:
    async def work(run: OpenRun) -> None:
        run.sandbox = sandbox = Napping(60.0, prepares)  # type: ignore[assignment]
        task = asyncio.create_task(at(run).run_sandbox(program(1)))
        while await seconds(run) != (0, 120) or sandbox.began < (prepares == 0):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert await seconds(run) == (0, 120)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        spent, reserved = await seconds(run)
        assert reserved == 0
        assert least <= spent <= most

    opened(work)


def test_a_task_that_outlives_its_stage_begins_no_effect(opened: Opened) -> None:
    async def work(run: OpenRun) -> None:
        ctx = at(run)
        await ctx.effects.end()
        with pytest.raises(asyncio.CancelledError):
            await ctx.run_sandbox(program(1))
        assert not await run.store.rows("effects")

    opened(work)


def test_what_is_done_together_is_cancelled_and_awaited_where_one_fails() -> None:
    ended: list[str] = []

    async def fails() -> None:
        await asyncio.sleep(0)
        raise BudgetExceededError("used up")

    async def goes_on() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            ended.append("awaited")

    async def main() -> None:
        with pytest.raises(BudgetExceededError, match="used up"):
            await together([goes_on(), fails(), goes_on()])
        assert ended == ["awaited", "awaited"]

    asyncio.run(main())
