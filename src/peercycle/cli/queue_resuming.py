"""Going on with a queue: every run that has not ended for good is resumed, every task without a run gets one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peercycle.cli.queue_state import load_tasks, run_of

if TYPE_CHECKING:
    from peercycle.cli.tasks import QueuedTask
    from peercycle.graphs.result import RunResult


@dataclass(frozen=True, slots=True)
class Extending:
    """What a resume of a queue changes for each of its runs."""

    limits: Mapping[str, Any]
    others: Mapping[str, Any]
    accept_changes: bool
    plugins: Sequence[str]
    disabled: Sequence[str]

    @property
    def changes_something(self) -> bool:
        """Whether runs that ended for good go on, too."""
        return any(value is not None for value in (*self.limits.values(), *self.others.values()))


def resume_queue(path: Path, extending: Extending, *, parallel: int | None, as_json: bool) -> int:
    """Go on with a queue, and return the exit code that `run` would.

    Raises `RunInUseError` where it is driven, `DamagedRunError`.
    """
    from peercycle.cli.configuring import load_plugins
    from peercycle.cli.output import print_json, say
    from peercycle.cli.queue import PARALLEL, Batch, drive, driven
    from peercycle.cli.queue_report import QueueReport, code_of
    from peercycle.cli.screens import choose_screen

    with driven(path):
        tasks = load_tasks(path)
        report = QueueReport.reopen(path)
        rows = {row["run_id"]: number for number, row in enumerate(report.rows) if row.get("run_id")}
        left = [each for each in tasks if not _ended(each, extending)]
        report.write()
        if not left:
            where = f"nothing is left of {path.name}; report of all {len(report.rows)}: {path / 'report.md'}"
            print_json({"event": "note", "message": where, "queue": str(path)}) if as_json else say(where)
            return code_of(report.rows)
        plugins = load_plugins(
            None,
            _all(left, "plugins", extending.plugins),
            _all(left, "disabled_plugins", extending.disabled),
        )
        batch = Batch(left, [rows[each.options.run_id] for each in left], report, plugins, parallel or PARALLEL)

        async def begin(index: int, on_launch: Any) -> RunResult:
            return await _go_on(left[index], extending, batch, index, on_launch)

        batch.begin = begin
        drive(batch, choose_screen(as_json, many=True))
        return code_of(report.rows)


async def _go_on(task: QueuedTask, extending: Extending, batch: Any, index: int, on_launch: Any) -> RunResult:
    from peercycle.cli.resuming import changed_options
    from peercycle.core.runs import RunOptions
    from peercycle.graphs.driver import resume, start
    from peercycle.store.directory import read_run
    from peercycle.store.record import read_record
    from peercycle.store.runs import is_run

    path = run_of(task)
    if not is_run(path):
        changes = changed_options(task.options, dict(extending.limits), dict(extending.others))
        options = RunOptions.model_validate({**task.options.model_dump(), **changes})
        return await start(task.task, options, batch.plugins, on_launch=on_launch)
    record = read_record(path)
    _require_its_own(path, record.task, task)
    changes = changed_options(record.options, dict(extending.limits), dict(extending.others))
    batch.after[index] = await read_run(path).last_event()
    return await resume(path, batch.plugins, changes, accept_changes=extending.accept_changes, on_launch=on_launch)


def _require_its_own(path: Path, ref: str, task: QueuedTask) -> None:
    from peercycle.core.base import artifact_ref, canonical_json
    from peercycle.core.errors import UsageError

    if ref != artifact_ref(canonical_json(task.task)):
        raise UsageError(f"{str(path)!r} is the run of another task; give line {task.line} a run id of its own")


def _ended(task: QueuedTask, extending: Extending) -> bool:
    from peercycle.core.errors import PeercycleError
    from peercycle.core.runs import ENDED_FOR_GOOD
    from peercycle.store.record import read_record
    from peercycle.store.runs import is_run

    path = run_of(task)
    if not is_run(path) or extending.changes_something:
        return False
    try:
        terminal = read_record(path).terminal
    except PeercycleError:
        # Its own line says what is wrong when its turn comes; the others go on.
        return False
    return terminal is not None and terminal.reason in ENDED_FOR_GOOD


def _all(tasks: Sequence[QueuedTask], name: str, given: Sequence[str]) -> list[str]:
    listed = [value for each in tasks for value in getattr(each.options, name)]
    return list(dict.fromkeys([*listed, *given]))
