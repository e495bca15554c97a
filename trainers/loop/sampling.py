"""The sampler's process: every task through the research graph, so that what is trained is what runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peercycle.core.errors import PeercycleError, StaleEngineError
from peercycle.core.writing import ResearchTask
from peercycle.graphs.driver import resume, start
from peercycle.graphs.many import Outcome, start_many
from peercycle.store.disk import FULL
from peercycle.store.runs import is_run
from peercycle.trainers.loop.jobs import FULL_DISK, RolloutJob
from peercycle.trainers.loop.manifest import write_lines
from peercycle.trainers.loop.moving import follow_run
from peercycle.trainers.loop.rollouts import Rollout, as_rows, read_rollouts, unread
from peercycle.trainers.loop.tasks import task_hash

if TYPE_CHECKING:
    from peercycle.graphs.result import RunResult

ROLLOUTS = "rollouts.jsonl"
TASKS = "tasks.jsonl"
RUNS = "runs"


async def sample(job: RolloutJob, plugins: Any, *, last: bool = True) -> int:
    """Run every task, go on with those that a killed sampler began, and write `rollouts.jsonl`; return the exit code.

    A run that fails is a row that says so. Where the queue was drained by a signal, or the disk is full, nothing is
    written, and the code is 3 or `FULL_DISK`: what no run of the loop's could help is no rollout. Raises
    `StaleEngineError` where an answer came from other weights than those that were to be sampled.
    """
    folder = Path(job.folder)
    lines = (folder / TASKS).read_text(encoding="utf-8").splitlines()
    tasks = [ResearchTask.model_validate_json(line) for line in lines]
    options = [
        job.options.model_copy(
            update={
                "run_id": f"{job.prefix}-{index:05d}",
                "runs_dir": str(folder / RUNS),
                "seed": job.options.seed + index,
            }
        )
        for index in range(len(tasks))
    ]

    async def begin(index: int, launched: Callable[[Any], None] | None) -> RunResult:
        path = folder / RUNS / str(options[index].run_id)
        if is_run(path):
            follow_run(path, options[index], plugins)
            return await resume(path, plugins, on_launch=launched)
        return await start(tasks[index], options[index], plugins, on_launch=launched)

    try:
        jobs = list(zip(tasks, options, strict=True))
        outcomes = await start_many(jobs, plugins, parallel=job.parallel, begin=begin)
    finally:
        await (plugins.close() if last else plugins.drain_events())
    if not all(outcome.begun for outcome in outcomes) or any(o.reason == "drained" for o in outcomes):
        return 3
    if any(FULL in outcome.message for outcome in outcomes):
        return FULL_DISK
    rows = [row for outcome in outcomes for row in _rows(outcome, str(options[outcome.index].run_id))]
    require_weights(rows, job.weights)
    write_lines(folder / ROLLOUTS, as_rows(rows))
    return 0


def _rows(outcome: Outcome, run_id: str) -> list[Rollout]:
    digest = task_hash(outcome.task)
    if outcome.path is None:
        return [unread(run_id, digest, outcome.message)]
    try:
        return read_rollouts(outcome.path, digest)
    except PeercycleError as error:
        return [unread(run_id, digest, error)]


def require_weights(rows: list[Rollout], wanted: str | None) -> None:
    """Raise `StaleEngineError` where an engine names other weights than those that were to be sampled."""
    if wanted is None:
        return
    # An adapter is named behind the weights that it is put on.
    other = Counter(
        revision
        for row in rows
        for revision in row.revisions
        if revision.rpartition("+")[2] != wanted.rpartition("+")[2]
    )
    if other:
        ((revision, times), *_) = other.most_common(1)
        raise StaleEngineError(
            f"{times} of {len(rows)} rollouts came from weights {revision[:12]} and not from {wanted[:12]}: the engine "
            f"has not loaded the new policy; have it reload, reset its prefix cache, and sample again"
        )
