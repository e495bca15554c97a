"""Thirty-two calls at once never pass a limit, nor do they across a kill."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from peercycle import hookimpl
from peercycle.core.errors import BudgetExceededError
from peercycle.core.modelling import Completion, Message, ModelRequest, ModelResult, Usage
from peercycle.core.runs import RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs.context import DriverContext
from peercycle.graphs.launch import create_and_open, open_existing
from peercycle.plugins.manager import Plugins

CALLS = 32
WORST = Usage(prompt_tokens=10, completion_tokens=90, model_calls=1)
USED = Usage(prompt_tokens=10, completion_tokens=40, model_calls=1)


class Meter:
    """A model that uses less than it may, and remembers how much was ever used and allowed at once."""

    answered = 0

    def worst_case(self, request: ModelRequest) -> Usage:
        return WORST

    async def generate(self, requests: Sequence[ModelRequest]) -> Sequence[ModelResult]:
        Meter.answered += len(requests)
        await asyncio.sleep(0.01)
        return [ModelResult(completions=(Completion(text="said"),), usage=USED, model="meter") for _ in requests]


class MeterPlugin:
    @hookimpl
    def register_models(self, register: Any) -> None:
        register("meter", lambda settings: Meter())


LIMITS = {
    # limit: (value, its worst case a call, what a call really uses)
    "tokens": (1000, 100, 50),
    "model_calls": (7, 1, 1),
    "cost": (0.001, 100e-6, 50e-6),
}


@pytest.mark.parametrize("in_loop", [True, False], ids=["in the loop", "in a thread"])
@pytest.mark.parametrize("name", LIMITS)
def test_thirty_two_calls_at_once_never_pass_a_limit_also_across_a_resume(
    task: ResearchTask, options: Callable[..., RunOptions], kit: Callable[..., Plugins], name: str, in_loop: bool
) -> None:
    limit, worst, used = LIMITS[name]
    plugins = kit(MeterPlugin())
    priced = {"default": {"name": "meter", "prompt_price": 1.0, "completion_price": 1.0}}
    wanted = options(models=priced, budget={name: limit, "kept_for_finish": 0.0})

    async def ask(ctx: DriverContext, seed: int) -> bool:
        try:
            await ctx.model().generate([ModelRequest(messages=(Message(role="user", content="?"),), seed=seed)])
        except BudgetExceededError:
            return False
        return True

    async def burst(run: Any, visit: int) -> list[bool]:
        ctx = DriverContext(run, stage="write", candidate="c0", visit=visit)
        highest = [0.0]

        async def watch() -> None:
            while True:
                (line,) = [line for line in await run.store.spending() if line.name == name]
                highest[0] = max(highest[0], (line.spent or 0) + line.reserved)
                await asyncio.sleep(0)

        watching = asyncio.create_task(watch())
        answers = await asyncio.gather(*[ask(ctx, seed) for seed in range(CALLS)])
        watching.cancel()
        assert highest[0] <= limit * (1 + 1e-9)
        return answers

    async def main() -> None:
        Meter.answered = 0
        run = await create_and_open(task, wanted, plugins, None, in_loop=in_loop)
        path = Path(run.path)
        first = await burst(run, 1)
        # Each waits for those in flight until its worst case fits, and no more fit only where it no longer does.
        assert sum(first) == Meter.answered == 1 + int((limit - worst) / used * (1 + 1e-9))
        await run.close()
        again = await open_existing(path, plugins, None, in_loop=in_loop)
        answered = await burst(again, 1)
        # What was answered is not paid again, and what is left takes no worst case.
        assert sum(answered) == sum(first)
        (line,) = [line for line in await again.store.spending() if line.name == name]
        assert line.spent == pytest.approx(Meter.answered * used)
        assert line.reserved == 0
        await again.close()

    asyncio.run(main())
