"""A queue of tasks from JSON lines: every bad line is named before anything starts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peercycle.core.runs import RunOptions
    from peercycle.core.writing import ResearchTask

KEYS = ("topic", "bibliography", "experiment", "data", "notes", "options")
"""What a line may hold; paths are relative to the file."""

SHOWN = 10
"""Bad lines that a message names; it counts the others."""


@dataclass(frozen=True, slots=True)
class QueuedTask:
    """One line of the file."""

    line: int
    task: ResearchTask
    options: RunOptions


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no task, and why."""

    line: int
    message: str


def read_tasks(
    path: Path, options: RunOptions, *, skip_bad: bool = False
) -> tuple[tuple[QueuedTask, ...], tuple[BadLine, ...]]:
    """Return the tasks of a file, each with the options given and its own over them; and its bad lines.

    Raises `BadInputError` naming the bad lines, unless they are to be skipped and there are others.
    """
    from peercycle.core.errors import BadInputError

    tasks, bad = _sorted_lines(path, options)
    if bad and not (skip_bad and tasks):
        more = f"; and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        named = "; ".join(f"line {each.line}: {each.message}" for each in bad[:SHOWN])
        raise BadInputError(f"{path.name}: {named}{more}; --skip-bad goes on without them")
    return tasks, bad


def _sorted_lines(path: Path, options: RunOptions) -> tuple[tuple[QueuedTask, ...], tuple[BadLine, ...]]:
    """Return the tasks of a file, and its bad lines. Raises `BadInputError` where it holds neither."""
    from peercycle.core.errors import BadInputError, PeercycleError

    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise BadInputError(f"cannot read {str(path)!r}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInputError(f"{str(path)!r} is not UTF-8 text; give one JSON object a line") from None
    tasks: list[QueuedTask] = []
    bad: list[BadLine] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            tasks.append(_task(number, line, path.parent, options))
        except PeercycleError as error:
            bad.append(BadLine(number, str(error)))
    doubled = _doubled(tasks)
    bad = sorted([*bad, *doubled], key=lambda each: each.line)
    tasks = [each for each in tasks if each.line not in {fault.line for fault in doubled}]
    if not tasks and not bad:
        raise BadInputError(f"{str(path)!r} holds no task; give one JSON object a line, with at least a topic")
    return tuple(tasks), tuple(bad)


def _task(number: int, line: str, folder: Path, options: RunOptions) -> QueuedTask:
    from peercycle.api import make_task
    from peercycle.cli.asking import require_literature

    given = _object(line)
    paths = {name: _path(given, name, folder) for name in ("bibliography", "experiment")}
    data = given.get("data") or []
    _require(isinstance(data, list) and all(isinstance(item, str) for item in data), "data must be a list of paths")
    own = _options(given.get("options") or {}, options)
    if paths["bibliography"] is None:
        require_literature(own, queued=True)
    task = make_task(
        given["topic"],
        paths["bibliography"],
        experiment=paths["experiment"],
        data=[folder / item for item in data],
        notes=given.get("notes") or "",
    )
    return QueuedTask(number, task, own)


def _object(line: str) -> dict[str, Any]:
    from peercycle.core.nearest import did_you_mean

    try:
        given = json.loads(line)
    except ValueError as error:
        raise _bad(f"is not JSON ({error})") from None
    _require(isinstance(given, dict), "is no JSON object")
    for name in given:
        if name not in KEYS:
            hint = did_you_mean(name, KEYS) or f"; keys: {', '.join(KEYS)}"
            raise _bad(f"has no key {name!r}{hint}")
    topic, notes = given.get("topic"), given.get("notes")
    _require(topic is None or isinstance(topic, str), f"topic is {json.dumps(topic)[:80]}, and must be text")
    _require(bool(topic and topic.strip()), "has no topic")
    _require(notes is None or isinstance(notes, str), "notes must be text")
    return dict(given)


def _path(given: dict[str, Any], name: str, folder: Path) -> Path | None:
    value = given.get(name)
    _require(value is None or isinstance(value, str), f"{name} must be a path")
    return folder / value if value else None


def _options(changes: Any, options: RunOptions) -> RunOptions:
    from pydantic import ValidationError

    from peercycle.cli.faults import Complaint, said_by
    from peercycle.core.runs import RunOptions as Options

    _require(isinstance(changes, dict), "options must be an object")
    try:
        return Options.model_validate({**options.model_dump(), **changes})
    except ValidationError as error:
        raise _bad("; ".join(said_by(Complaint.of(fault)) for fault in error.errors())) from None


def _doubled(tasks: list[QueuedTask]) -> list[BadLine]:
    seen: dict[str, int] = {}
    faults: list[BadLine] = []
    for each in tasks:
        if each.options.run_id is None:
            continue
        first = seen.setdefault(each.options.run_id, each.line)
        if first != each.line:
            faults.append(BadLine(each.line, f"run id {each.options.run_id!r} is that of line {first}"))
    return faults


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise _bad(otherwise)


def _bad(message: str) -> Exception:
    from peercycle.core.errors import BadInputError

    return BadInputError(message)
