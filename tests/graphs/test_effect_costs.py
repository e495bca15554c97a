"""What a plugin's own effect may cost is reserved before it happens, and settled after."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from peercycle.core.errors import BudgetExceededError, UnparsableAnswerError
from peercycle.core.modelling import Spent, Usage
from peercycle.core.runs import RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs.context import DriverContext
from peercycle.graphs.launch import create_and_open
from peercycle.plugins.manager import Plugins

Options = Callable[..., RunOptions]
Kit = Callable[..., Plugins]
MOST = Usage(prompt_tokens=20, completion_tokens=40, model_calls=1)


def test_an_effect_of_a_plugin_is_reserved_settled_and_refused_by_the_budget(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    asked: list[Any] = []

    async def main() -> None:
        limited = options(budget={"tokens": 100, "kept_for_finish": 0.0})
        run = await create_and_open(task, limited, kit(), None, in_loop=False)
        ctx = DriverContext(run, stage="write", candidate="c0", visit=1)

        async def tokens() -> tuple[float | None, float]:
            (line,) = [line for line in await run.store.spending() if line.name == "tokens"]
            return line.spent, line.reserved

        async def ask(answer: Any) -> Any:
            asked.append(await tokens())
            return answer

        used = Spent("said", Usage(prompt_tokens=5, completion_tokens=5, model_calls=1))
        assert await ctx.effect("own", 1, lambda: ask(used), reserve=MOST) == "said"
        assert asked == [(0, 60)]
        assert await tokens() == (10, 0)
        # What does not say what it used, used all that it might.
        assert await ctx.effect("own", 2, lambda: ask("bare"), reserve=MOST) == "bare"
        assert await tokens() == (70, 0)
        with pytest.raises(BudgetExceededError, match="budget of tokens: 70 of 100 is spent or reserved"):
            await ctx.effect("own", 3, lambda: ask("never"), reserve=MOST)
        assert len(asked) == 2
        # What costs nothing always fits, and what is journalled is not paid again.
        assert await ctx.effect("own", 4, lambda: ask("free")) == "free"
        again = DriverContext(run, stage="write", candidate="c0", visit=1)
        assert await again.effect("own", 1, lambda: ask("never"), reserve=MOST) == "said"
        assert await tokens() == (70, 0)
        await run.close()

    asyncio.run(main())
    assert len(asked) == 3


def test_an_error_from_the_journal_says_all_that_it_said_at_first(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    tried: list[int] = []

    async def refuse() -> str:
        tried.append(1)
        error = UnparsableAnswerError("no JSON in it")
        error.raw = "Sure! Here is your JSON:"
        raise error

    async def main() -> None:
        run = await create_and_open(task, options(), kit(), None, in_loop=False)
        for _ in range(2):
            ctx = DriverContext(run, stage="write", candidate="c0", visit=1)
            with pytest.raises(UnparsableAnswerError, match="no JSON in it") as raised:
                await ctx.effect("own", 1, refuse)
            assert raised.value.raw == "Sure! Here is your JSON:"
        await run.close()

    asyncio.run(main())
    assert tried == [1]
