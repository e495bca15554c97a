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
from peercycle.trainers.loop.frame import PER_ITERATION
from peercycle.trainers.loop.jobs import FULL_DISK, RolloutJob
from peercycle.trainers.loop.manifest import write_lines
from peercycle.trainers.loop.moving import follow_run
from peercycle.trainers.loop.rollouts import Rollout, as_rows, read_rollouts, totals, unread
from peercycle.trainers.loop.tasks import task_hash

if TYPE_CHECKING:
    from peercycle.graphs.result import RunResult

ROLLOUTS = "rollouts.jsonl"
TASKS = "tasks.jsonl"
RUNS = "runs"
DRAINED = 3


async def sample(job: RolloutJob, plugins: Any, *, last: bool = True) -> int:
    """Run every task, go on with those that a killed sampler began, and write `rollouts.jsonl`; return the exit code.

    With a budget of sampled tokens the tasks begin again, under other seeds, until the next run would not come nearer
    to it. A run that fails is a row that says so. Where the queue was drained by a signal, or the disk is full, nothing
    is written, and the code is `DRAINED` or `FULL_DISK`: what no run of the loop's could help is no rollout. Raises
    `StaleEngineError` where an answer came from other weights than those that were to be sampled.
    """
    rounds = _Rounds(job, plugins)
    try:
        rows = await rounds.run()
    finally:
        await (plugins.close() if last else plugins.drain_events())
    if isinstance(rows, int):
        return rows
    require_weights(rows, job.weights)
    write_lines(rounds.folder / ROLLOUTS, as_rows(rows))
    return 0


class _Rounds:
    """The tasks, once, and from the first one again while the budget of sampled tokens has room for another run."""

    def __init__(self, job: RolloutJob, plugins: Any) -> None:
        self.job = job
        self.plugins = plugins
        self.folder = Path(job.folder)
        lines = (self.folder / TASKS).read_text(encoding="utf-8").splitlines()
        self.tasks = [ResearchTask.model_validate_json(line) for line in lines]

    async def run(self) -> list[Rollout] | int:
        """Return the rollouts, or the exit code where nothing is to be written."""
        rows: list[Rollout] = []
        begun, runs, before = 0, len(self.tasks), -1
        # A round in which nothing was sampled, for every run failed, is the last one: none brings the budget nearer.
        while runs and (sampled := totals(rows)["sampled"]) > before:
            before = sampled
            outcomes = await self._round(begun, runs)
            if not all(outcome.begun for outcome in outcomes) or any(o.reason == "drained" for o in outcomes):
                return DRAINED
            if any(FULL in outcome.message for outcome in outcomes):
                return FULL_DISK
            rows += [row for at, outcome in enumerate(outcomes, begun) for row in _rows(outcome, self._run_id(at))]
            begun += runs
            room = _room(self.job.tokens, totals(rows)["sampled"], begun)
            # Behind the last seed are those of the next iteration.
            runs = min(room, len(self.tasks), max(0, PER_ITERATION - begun))
        return rows

    async def _round(self, begun: int, runs: int) -> tuple[Outcome, ...]:
        """Run `runs` tasks behind the `begun` ones; an outcome's index counts from the round's first."""
        jobs = [
            (
                self.tasks[at % len(self.tasks)],
                self.job.options.model_copy(
                    update={
                        "run_id": self._run_id(at),
                        "runs_dir": str(self.folder / RUNS),
                        "seed": self.job.options.seed + at,
                    }
                ),
            )
            for at in range(begun, begun + runs)
        ]

        async def begin(index: int, launched: Callable[[Any], None] | None) -> RunResult:
            task, options = jobs[index]
            path = self.folder / RUNS / str(options.run_id)
            if is_run(path):
                follow_run(path, options, self.plugins)
                return await resume(path, self.plugins, on_launch=launched)
            return await start(task, options, self.plugins, on_launch=launched)

        return await start_many(jobs, self.plugins, parallel=self.job.parallel, begin=begin)

    def _run_id(self, at: int) -> str:
        return f"{self.job.prefix}-{at:05d}"


def _room(budget: int | None, sampled: int, runs: int) -> int:
    """Return how many more runs come nearest to the budget, at what the ones so far took in the mean."""
    if budget is None or not sampled:
        return 0
    return max(0, round((budget - sampled) * runs / sampled))


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
