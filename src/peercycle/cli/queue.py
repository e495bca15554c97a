"""Driving a queue of tasks: a launch and a done for each run, and one report for all."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peercycle.cli.driving import launch_of
from peercycle.cli.following import Followers
from peercycle.cli.interrupting import Announcer, Interrupted, announcing, draining_when_asked
from peercycle.cli.screens import Screen, choose_screen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from peercycle.cli.asking import Asked
    from peercycle.cli.queue_report import QueueReport
    from peercycle.cli.tasks import QueuedTask
    from peercycle.graphs.many import Outcome
    from peercycle.graphs.result import RunResult
    from peercycle.plugins.manager import Plugins


PARALLEL = 8
"""Runs at the same time where nobody says otherwise."""


def new_queue_name() -> str:
    """Return the name of a queue's folder; names sort by time."""
    from peercycle.store.directory import new_run_id

    return f"queue-{new_run_id(time.time())}"


@dataclass(slots=True)
class Batch:
    """The tasks of a queue that this process drives."""

    tasks: Sequence[QueuedTask]
    rows: Sequence[int]
    """Of each task, its row in the report."""
    report: QueueReport
    plugins: Plugins
    parallel: int
    begin: Callable[[int, Any], Awaitable[RunResult]] | None = None
    """Begins or resumes the run of a task; None begins each."""
    after: dict[int, int] = field(default_factory=dict)
    """Of a task whose run is resumed, the last line that its log had."""


def run_queue(asked: Asked, name: str | None = None) -> int:
    """Run every task of the file, and return the exit code: 0 all finished, 1 one failed, else 3."""
    from peercycle.cli.asking import read_so_far
    from peercycle.cli.output import warn
    from peercycle.cli.queue_report import QueueReport
    from peercycle.cli.queue_state import save_tasks, with_run_ids
    from peercycle.cli.tasks import read_tasks
    from peercycle.core.errors import UsageError

    assert asked.source is not None
    if asked.topic is not None or asked.experiment is not None or asked.data:
        raise UsageError(f"--topic, --experiment and --data belong into the lines of {asked.source.name}")
    if asked.options.run_id is not None:
        raise UsageError('--run-id names one run; give the lines of a queue their own: "options": {"run_id": "…"}')
    tasks, bad = read_tasks(asked.source, asked.options, skip_bad=asked.skip_bad)
    for fault in bad:
        warn(f"warning: {asked.source.name}: line {fault.line} is skipped: {fault.message}")
    for each in tasks:
        if each.task.bibliography.problems:
            warn(f"warning: {asked.source.name}: line {each.line}: {read_so_far(each.task.bibliography)}")
    _require_one_that_can_begin(tasks, asked.plugins)
    tasks = with_run_ids(tasks, time.time())
    path = _new_folder(Path(asked.options.runs_dir), name or new_queue_name())
    with driven(path):
        save_tasks(path, tasks)
        report = QueueReport.begin(path, asked.source, tasks, bad)
        return drive(
            Batch(tasks, range(len(tasks)), report, asked.plugins, asked.parallel or PARALLEL),
            choose_screen(asked.as_json, many=True),
        )


def _require_one_that_can_begin(tasks: Sequence[QueuedTask], plugins: Plugins) -> None:
    """Raise what the first task would be refused for where all would be: no folder is made for such a queue."""
    from peercycle.core.errors import PeercycleError
    from peercycle.graphs.refusing import refuse_early

    refusals: list[PeercycleError] = []
    for each in tasks:
        try:
            refuse_early(each.task, each.options, plugins)
        except PeercycleError as error:
            refusals.append(error)
        else:
            return
    if refusals:
        raise refusals[0]


def _new_folder(runs_dir: Path, name: str) -> Path:
    from peercycle.core.errors import StoreError

    path = runs_dir / name
    try:
        path.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise StoreError(f"cannot make {str(path)!r}: {error.strerror}; give another with --runs-dir") from None
    return path


@contextmanager
def driven(path: Path) -> Iterator[None]:
    """Hold the queue's lease: there is one driver at a time."""
    from peercycle.store.runs import clear_stop, take_over

    lease = take_over(path)
    try:
        yield
        clear_stop(path)
    finally:
        lease.release()


def drive(batch: Batch, screen: Screen) -> int:
    """Drive the tasks of a queue whose lease is held, and return the exit code."""
    from peercycle.cli.endings import shown
    from peercycle.cli.queue_report import exit_code

    try:
        with screen:
            outcomes = asyncio.run(_drive_all(batch, screen))
    except KeyboardInterrupt:
        raise Interrupted(f"go on with: peercycle resume {shown(batch.report.path)}") from None
    return exit_code(outcomes)


async def _drive_all(batch: Batch, screen: Screen) -> Sequence[Outcome]:
    from peercycle.cli.failures import failed_experiments
    from peercycle.graphs.many import start_many

    followers, left = Followers(screen), len(batch.tasks)
    announcer = Announcer(screen)
    endings: list[asyncio.Task[None]] = []

    def on_launch(index: int, run: Any) -> None:
        launch = launch_of(run, batch.tasks[index].task.topic, resumed=index in batch.after)
        batch.report.launched(batch.rows[index], launch)
        screen.launched(launch)
        followers.begin(launch.run_id, launch.path, after=batch.after.get(index, 0))

    async def end(outcome: Outcome, last: bool) -> None:
        failures: tuple[str, ...] = ()
        if outcome.result is not None:
            await followers.end(outcome.result.run_id)
            failures = await failed_experiments(outcome.result)
        await asyncio.to_thread(batch.report.ended, batch.rows[outcome.index], outcome, failures)
        path = batch.report.path
        told = f"report of all {len(batch.report.rows)}: {path / 'report.md'}"
        if last and screen.ends_with_done:
            screen.note(told, queue=str(path))
        if outcome.result is not None:
            screen.done(outcome.result, failures)
        else:
            screen.not_begun(batch.tasks[outcome.index].line, outcome.task.topic, outcome.error or "")
        if last and not screen.ends_with_done:
            screen.note(told)

    def on_done(outcome: Outcome) -> None:
        nonlocal left
        left -= 1
        previous = endings[-1] if endings else None
        endings.append(asyncio.create_task(_after(previous, end(outcome, left == 0))))

    async with AsyncExitStack() as leaving:
        # Last in, first out, and each whatever became of the others.
        leaving.push_async_callback(batch.plugins.close)
        leaving.push_async_callback(followers.end_all)
        leaving.push_async_callback(_all_of, endings)
        with announcing(announcer), draining_when_asked(batch.report.path):
            return await start_many(
                [(each.task, each.options) for each in batch.tasks],
                batch.plugins,
                parallel=batch.parallel,
                on_launch=on_launch,
                on_done=on_done,
                begin=batch.begin,
            )


async def _all_of(endings: Sequence[asyncio.Task[None]]) -> None:
    """Wait for every ending, then raise what the first of them that failed raised."""
    if endings:
        await asyncio.wait(endings)
    for ending in endings:
        ending.result()


async def _after(previous: asyncio.Task[None] | None, work: Any) -> None:
    if previous is not None:
        await asyncio.wait([previous])
    await work
