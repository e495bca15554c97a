"""Many runs in one process: one failure domain each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from peercycle.core.errors import PeercycleError
from peercycle.core.runs import RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs.driver import start
from peercycle.graphs.result import RunResult
from peercycle.plugins.manager import Plugins


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one task of a queue ended: with a result, or with why it never began or broke off."""

    index: int
    task: ResearchTask
    result: RunResult | None
    error: str | None = None


async def start_many(
    jobs: Sequence[tuple[ResearchTask, RunOptions]],
    plugins: Plugins,
    *,
    parallel: int = 8,
    on_launch: Callable[[int, Any], None] | None = None,
    on_done: Callable[[Outcome], None] | None = None,
) -> tuple[Outcome, ...]:
    """Run every task, at most `parallel` at once. One failure never ends the queue."""
    slots = asyncio.Semaphore(parallel)

    async def one(index: int, task: ResearchTask, options: RunOptions) -> Outcome:
        async with slots:
            try:
                launched = (lambda run: on_launch(index, run)) if on_launch else None
                outcome = Outcome(index, task, await start(task, options, plugins, on_launch=launched))
            except PeercycleError as error:
                outcome = Outcome(index, task, None, str(error))
            except Exception as error:  # noqa: BLE001 - whatever broke this run, the others go on
                outcome = Outcome(index, task, None, f"{type(error).__name__}: {error}")
        if on_done:
            on_done(outcome)
        return outcome

    return tuple(await asyncio.gather(*[one(i, task, options) for i, (task, options) in enumerate(jobs)]))
