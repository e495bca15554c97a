"""Which tasks are held out for ever, and which an iteration trains on: by the tasks' hashes alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from peercycle.core.base import canonical_json, sha256_hex
from peercycle.core.errors import BadInputError, UsageError
from peercycle.core.writing import ResearchTask
from peercycle.trainers.faults import fault_line
from peercycle.trainers.loop.settings import SampleSettings
from peercycle.trainers.splits import share_of, split_of


@dataclass(frozen=True, slots=True)
class Tasks:
    """The tasks of a file, split; each with its hash, which is that of its artefact in a run."""

    train: tuple[tuple[str, ResearchTask], ...]
    heldout: tuple[tuple[str, ResearchTask], ...]


def task_hash(task: ResearchTask) -> str:
    """Return what episodes and pairs call a task."""
    return sha256_hex(canonical_json(task))


def read_tasks(path: Path, heldout: float) -> Tasks:
    """Read JSON lines of research tasks and split them. Raises `BadInputError` naming the line at fault."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"the tasks {str(path)!r} cannot be read: {error}") from None
    found: dict[str, ResearchTask] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                task = ResearchTask.model_validate_json(line)
            except ValidationError as error:
                reason = fault_line(error.errors()[0], ResearchTask).removeprefix("the file: ")
                raise BadInputError(f"{str(path)!r}, line {number}: no research task: {reason}") from None
            found[task_hash(task)] = task
    # By a number that depends on the hash alone: the order of the file decides nothing.
    order = sorted(found, key=lambda digest: share_of("loop", digest))
    sides = {digest: split_of(digest, heldout) for digest in order}
    split = Tasks(
        train=tuple((d, found[d]) for d in order if sides[d] == "train"),
        heldout=tuple((d, found[d]) for d in order if sides[d] == "heldout"),
    )
    if not split.train or not split.heldout:
        raise BadInputError(
            f"{str(path)!r} gives {len(split.train)} tasks to train on and {len(split.heldout)} held out; "
            f"both are needed: give more tasks, or another share with tasks.heldout"
        )
    return split


def shard(tasks: Tasks, sample: SampleSettings, iteration: int) -> tuple[tuple[str, ResearchTask], ...]:
    """Return the tasks of an iteration, from 1: disjoint from those of every other, unless they may be reused."""
    first, many = (iteration - 1) * sample.tasks, len(tasks.train)
    if first + sample.tasks > many and not sample.reuse:
        raise UsageError(
            f"iteration {iteration} needs tasks {first + 1} to {first + sample.tasks} to train on, and there are "
            f"{many}; give more, lower sample.tasks, or set sample.reuse = true"
        )
    return tuple(tasks.train[at % many] for at in range(first, first + sample.tasks))


def write_tasks(tasks: Sequence[tuple[str, ResearchTask]]) -> bytes:
    """Return JSON lines of tasks, in canonical spelling."""
    return b"".join(canonical_json(task) + b"\n" for _, task in tasks)
