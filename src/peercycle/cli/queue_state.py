"""What a queue's folder holds: how each task stands, and the tasks themselves, so that a killed queue can go on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peercycle.cli.tasks import QueuedTask

STATE_FILE = "queue.json"
TASKS_FILE = "tasks.json"


def with_run_ids(tasks: Sequence[QueuedTask], now: float) -> tuple[QueuedTask, ...]:
    """Return the tasks with a run id each, chosen before anything begins: a kill then leaves no run without its row."""
    from peercycle.store.directory import new_run_id

    # A millisecond apart: ids sort by line, and none is drawn twice.
    return tuple(
        each
        if each.options.run_id
        else replace(each, options=each.options.model_copy(update={"run_id": new_run_id(now + position / 1000)}))
        for position, each in enumerate(tasks)
    )


def save_tasks(queue: Path, tasks: Sequence[QueuedTask]) -> None:
    """Write the tasks with their options. Raises `StoreError`."""
    from peercycle.store.disk import replace_file

    kept = [
        {
            "line": each.line,
            "task": each.task.model_dump(mode="json"),
            "options": each.options.model_dump(mode="json"),
        }
        for each in tasks
    ]
    body = json.dumps({"schema_version": 1, "runs_dir": str(queue.parent), "tasks": kept}, ensure_ascii=True)
    replace_file(queue / TASKS_FILE, f"{body}\n".encode())


def load_tasks(queue: Path) -> tuple[QueuedTask, ...]:
    """Read the tasks; runs kept beside the queue are looked for beside it, wherever that is now.

    Raises `DamagedRunError`.
    """
    from pydantic import ValidationError

    from peercycle.cli.tasks import QueuedTask
    from peercycle.core.errors import DamagedRunError
    from peercycle.core.runs import RunOptions
    from peercycle.core.writing import ResearchTask

    try:
        kept = json.loads((queue / TASKS_FILE).read_bytes())
        tasks: list[QueuedTask] = []
        for each in kept["tasks"]:
            options = RunOptions.model_validate(each["options"])
            if options.runs_dir == kept["runs_dir"]:
                options = options.model_copy(update={"runs_dir": str(queue.parent)})
            tasks.append(QueuedTask(int(each["line"]), ResearchTask.model_validate(each["task"]), options))
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        why = "is missing" if isinstance(error, FileNotFoundError) else f"is damaged ({type(error).__name__})"
        raise DamagedRunError(
            f"{str(queue / TASKS_FILE)!r} {why}; resume the runs of {str(queue / 'report.md')!r} one by one"
        ) from None
    return tuple(tasks)


def run_of(task: QueuedTask) -> Path:
    """Return where the run of a task is, or will be."""
    return Path(task.options.runs_dir) / str(task.options.run_id)


def is_queue(path: Path) -> bool:
    """Whether a folder is a queue's."""
    try:
        return (path / STATE_FILE).is_file()
    except PermissionError:
        return False


def find_queue(name_or_path: str, runs_dir: Path) -> Path | None:
    """Return the queue that a path, a name or the unique beginning of a name means, or None."""
    if not name_or_path:
        return None
    for path in (Path(name_or_path), runs_dir / name_or_path):
        if is_queue(path):
            return path
    fitting = [path for path in list_queues(runs_dir) if path.name.startswith(name_or_path)]
    return fitting[0] if len(fitting) == 1 and name_or_path.startswith("queue") else None


def list_queues(runs_dir: Path) -> list[Path]:
    """Return the folders of queues, by name, and so oldest first."""
    try:
        return sorted(path for path in runs_dir.glob("queue-*") if is_queue(path))
    except OSError:
        return []


def read_state(queue: Path) -> dict[str, Any]:
    """Read how the tasks stood when that was last written. Raises `DamagedRunError`."""
    from peercycle.core.errors import DamagedRunError

    path = queue / STATE_FILE
    try:
        state = json.loads(path.read_bytes())
        whole = all(isinstance(row["status"], str) and isinstance(row["line"], int) for row in state["tasks"])
    except (OSError, ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise DamagedRunError(f"{str(path)!r} cannot be read or is damaged; restore it from a copy")
    return dict(state)


def standing_rows(queue: Path) -> list[dict[str, Any]]:
    """Return how the tasks stand now: what a driver that died could not write is read from the runs themselves."""
    from peercycle.core.errors import PeercycleError
    from peercycle.store.record import read_record
    from peercycle.store.runs import is_run

    rows: list[dict[str, Any]] = read_state(queue)["tasks"]
    driven = driver_of(queue) is not None
    for row in rows:
        # A task that failed without a run found its id taken: what lies there is another's.
        if not row.get("run_id") or row["status"] == "finished" or (row["status"] == "failed" and "path" not in row):
            continue
        run = _place(queue, row)
        try:
            if is_run(run):
                row.update(_standing(run, read_record(run)))
            elif not driven:
                row.update(status="not begun", message="the queue ended before its turn")
        except PeercycleError as error:
            row.update(status="unreadable", message=str(error))
    return rows


def _place(queue: Path, row: dict[str, Any]) -> Path:
    beside = queue.parent / str(row["run_id"])
    return Path(row["path"]) if "path" in row and not beside.exists() else beside


def _standing(run: Path, record: Any) -> dict[str, Any]:
    from peercycle.store.directory import run_status

    ended = record.terminal
    return {
        "path": str(run),
        "status": run_status(run),
        "reason": ended.reason if ended else None,
        "message": ended.message if ended else "",
        "settled": bool(ended and ended.settled),
    }


def driver_of(queue: Path) -> int | None:
    """Return the process that drives a queue, or None."""
    from peercycle.store.lease import holder

    return holder(queue)


def status_of(queue: Path, rows: Sequence[dict[str, Any]]) -> str:
    """Return in one word how a queue stands."""
    found = {row["status"] for row in rows} - {"skipped"}
    if driver_of(queue) is not None:
        return "running"
    for status, signs in (
        ("running", {"running"}),
        ("crashed", {"crashed", "queued"}),
        ("stopped", {"stopped", "waiting", "not begun"}),
        ("failed", {"failed", "unreadable"}),
    ):
        if found & signs:
            return status
    return "finished"


def tally(rows: Sequence[dict[str, Any]]) -> str:
    """Return how many tasks stand how, such as `2 finished, 1 stopped`."""
    counts = Counter(row["status"] for row in rows)
    return ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
