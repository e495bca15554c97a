"""Driving a queue of tasks: a launch and a done for each run, and one report for all."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peercycle.cli.interrupting import Announcer, Interrupted, announcing, draining_when_asked
from peercycle.cli.queue_telling import Telling
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
    from peercycle.graphs.many import start_many

    telling = Telling(batch, screen)
    async with AsyncExitStack() as leaving:
        # Last in, first out, and each whatever became of the others.
        leaving.push_async_callback(batch.plugins.close)
        leaving.push_async_callback(telling.followers.end_all)
        leaving.push_async_callback(telling.all_told)
        with announcing(Announcer(screen)), draining_when_asked(batch.report.path):
            return await start_many(
                [(each.task, each.options) for each in batch.tasks],
                batch.plugins,
                parallel=batch.parallel,
                on_launch=telling.launched,
                on_done=telling.done,
                begin=batch.begin,
            )
