"""What a policy is worth: its rollouts on held-out tasks, by the judge that did not select, with how sure that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from peercycle.core.base import Word
from peercycle.trainers.loop.rollouts import Rollout
from peercycle.trainers.loop.statistics import Difference, mean, paired_difference

EVALUATION = "evaluation.json"


class Evaluation(Word):
    """The figures of one policy."""

    policy: str
    independent: bool = True
    """Whether a reviewer judged that did not select."""
    judge: float | None
    """Mean over tasks of the reward by the judge; by the steering reviewer where the run has no judge."""
    steering: float | None
    """The same by the steering reviewer."""
    tasks: int
    """Tasks that have a judgement."""
    rollouts: int
    failed: int
    unjudged: int
    """Rollouts that ended, and that the judge gave no value."""
    cut: float
    """Share of rollouts that were cut at the token limit."""
    repetition: float
    """Mean over rollouts of the largest share of repeated 4-grams."""
    mean_tokens: float
    by_task: dict[str, float]
    """The judge's mean, by task."""


def evaluate(policy: str, rollouts: Sequence[Rollout], *, judged: bool, independent: bool = True) -> Evaluation:
    """Return the figures; a rollout without a value is counted, and never taken for 0."""
    ended = [row for row in rollouts if row.status == "complete"]
    worth = {id(row): row.judge if judged else row.reward for row in ended}
    by_task = _by_task((row.task, value) for row in ended if (value := worth[id(row)]) is not None)
    steering = _by_task((row.task, row.reward) for row in ended if row.reward is not None)
    return Evaluation(
        policy=policy,
        independent=independent,
        judge=mean(list(by_task.values())),
        steering=mean(list(steering.values())),
        tasks=len(by_task),
        rollouts=len(rollouts),
        failed=len(rollouts) - len(ended),
        unjudged=sum(value is None for value in worth.values()),
        cut=mean([float(row.cut) for row in ended]) or 0.0,
        repetition=mean([row.repetition for row in ended]) or 0.0,
        mean_tokens=mean([float(row.sampled_tokens) for row in ended]) or 0.0,
        by_task=by_task,
    )


def gain(after: Evaluation, before: Evaluation) -> Difference | None:
    """Return how far one policy's judgements are above another's, paired by task."""
    return paired_difference(after.by_task, before.by_task)


def metrics_of(found: Evaluation) -> dict[str, float]:
    """Return what a policy's record says of its evaluation."""
    values = {"heldout_judge": found.judge, "heldout_steering": found.steering, "heldout_tasks": float(found.tasks)}
    return {name: value for name, value in values.items() if value is not None}


def _by_task(values: Iterable[tuple[str, float]]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for task, value in values:
        found.setdefault(task, []).append(value)
    means: Mapping[str, float] = {task: sum(each) / len(each) for task, each in found.items()}
    return dict(sorted(means.items()))
