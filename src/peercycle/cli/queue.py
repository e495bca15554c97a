"""Driving a queue of tasks: a launch and a done for each run, and one report for all."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peercycle.cli.driving import launch_of
from peercycle.cli.following import Followers
from peercycle.cli.screens import Screen, choose_screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peercycle.cli.asking import Asked
    from peercycle.cli.tasks import QueuedTask
    from peercycle.graphs.many import Outcome
    from peercycle.plugins.manager import Plugins


def new_queue_name() -> str:
    """Return the name of a queue's folder; names sort by time."""
    from peercycle.store.directory import new_run_id

    return f"queue-{new_run_id(time.time())}"


def run_queue(asked: Asked, name: str | None = None) -> int:
    """Run every task of the file, and return the exit code: 0 all finished, 1 one failed, else 3."""
    from peercycle.cli.queue_report import QueueReport, exit_code
    from peercycle.cli.tasks import read_tasks
    from peercycle.core.errors import UsageError

    assert asked.source is not None
    if asked.topic is not None or asked.experiment is not None or asked.data:
        raise UsageError(f"--topic, --experiment and --data belong into the lines of {asked.source.name}")
    if asked.options.run_id is not None:
        raise UsageError('--run-id names one run; give the lines of a queue their own: "options": {"run_id": "…"}')
    tasks = read_tasks(asked.source, asked.options)
    report = QueueReport.begin(Path(asked.options.runs_dir), name or new_queue_name(), asked.source, tasks)
    screen = choose_screen(asked.as_json, many=True)
    with screen:
        outcomes = asyncio.run(_run_all(tasks, asked.plugins, asked.parallel, screen, report))
    return exit_code(outcomes)


async def _run_all(
    tasks: Sequence[QueuedTask], plugins: Plugins, parallel: int, screen: Screen, report: Any
) -> Sequence[Outcome]:
    from peercycle.graphs.many import start_many

    followers, left = Followers(screen), len(tasks)
    endings: list[asyncio.Task[None]] = []

    def on_launch(index: int, run: Any) -> None:
        launch = launch_of(run, tasks[index].task.topic)
        report.launched(index, launch)
        screen.launched(launch)
        followers.begin(launch.run_id, launch.path)

    async def end(outcome: Outcome, last: bool) -> None:
        if outcome.result is not None:
            await followers.end(outcome.result.run_id)
        await asyncio.to_thread(report.ended, outcome)
        if last:
            # Before the last done record, which ends the output of `--json`.
            screen.note(f"report of all {len(tasks)}: {report.path / 'report.md'}", queue=str(report.path))
        if outcome.result is not None:
            screen.done(outcome.result)
        else:
            screen.not_begun(tasks[outcome.index].line, outcome.task.topic, outcome.error or "")

    def on_done(outcome: Outcome) -> None:
        nonlocal left
        left -= 1
        previous = endings[-1] if endings else None
        endings.append(asyncio.create_task(_after(previous, end(outcome, left == 0))))

    try:
        return await start_many(
            [(each.task, each.options) for each in tasks],
            plugins,
            parallel=parallel,
            on_launch=on_launch,
            on_done=on_done,
        )
    finally:
        await asyncio.gather(*endings)
        await followers.end_all()
        await plugins.close()


async def _after(previous: asyncio.Task[None] | None, work: Any) -> None:
    if previous is not None:
        await asyncio.wait([previous])
    await work
