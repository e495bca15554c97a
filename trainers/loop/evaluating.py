"""What a policy is worth: its rollouts on held-out tasks, by the judge that did not select, with how sure that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from peercycle.core.base import Word
from peercycle.core.selection import CurvePoint, Draft, best_of_n
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
    accepted: float | None = None
    """Share of the papers with a decision that is to accept, by whom `judge` is by; None where nobody decides."""
    gap: float | None = None
    """Mean over tasks of the steering reward less the judge's; None where there is no judge. Its rise from policy to
    policy is what gaming a reviewer looks like; its size says something only where both use one scale."""
    best_of_n: tuple[CurvePoint, ...] = ()
    """Mean over tasks of what the best of n papers is worth, selected by the steering reward, by that and by the judge."""
    best_of_n_tasks: int = 0
    """Tasks that the curve is of: those that have as many scored papers as any."""
    by_task: dict[str, float]
    """The judge's mean, by task."""
    papers: dict[str, tuple[float, ...]] = {}
    """What the judge gave each paper, by task."""


def evaluate(policy: str, rollouts: Sequence[Rollout], *, judged: bool, independent: bool = True) -> Evaluation:
    """Return the figures; a rollout without a value is counted, and never taken for 0."""
    ended = [row for row in rollouts if row.status == "complete"]
    worth = {id(row): row.judge if judged else row.reward for row in ended}
    papers = _by_task((row.task, value) for row in ended if (value := worth[id(row)]) is not None)
    by_task = _means(papers)
    steering = _means(_by_task((row.task, row.reward) for row in ended if row.reward is not None))
    decisions = [said for row in ended if (said := row.judge_decision if judged else row.decision) is not None]
    curve, curve_tasks = _curve(ended, judged=judged)
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
        accepted=mean([float(said == "accept") for said in decisions]),
        gap=mean([value - by_task[task] for task, value in steering.items() if task in by_task]) if judged else None,
        best_of_n=curve,
        best_of_n_tasks=curve_tasks,
        by_task=by_task,
        papers=papers,
    )


def gain(after: Evaluation, before: Evaluation) -> Difference | None:
    """Return how far one policy's judgements are above another's, paired by task."""
    return paired_difference(after.by_task, before.by_task)


def win_rate(one: Evaluation, other: Evaluation) -> float | None:
    """Return how often the judge puts a paper of `one` above a paper of `other` on the same task; a tie is half a win.

    Mean over the tasks that both have, of all their papers against each other. The judge sees one paper at a time: no
    order of the two can sway it, and `win_rate(a, b) + win_rate(b, a)` is 1. None where no task is in both.
    """
    rates = [_wins(one.papers[task], other.papers[task]) for task in sorted(one.papers.keys() & other.papers.keys())]
    return mean(rates)


def _wins(ones: Sequence[float], others: Sequence[float]) -> float:
    points = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a in ones for b in others)
    return points / (len(ones) * len(others))


def metrics_of(found: Evaluation) -> dict[str, float]:
    """Return what a policy's record says of its evaluation."""
    values = {"heldout_judge": found.judge, "heldout_steering": found.steering, "heldout_tasks": float(found.tasks)}
    return {name: value for name, value in values.items() if value is not None}


def _curve(rows: Iterable[Rollout], *, judged: bool) -> tuple[tuple[CurvePoint, ...], int]:
    """Return the mean of the tasks' curves, and of how many tasks it is.

    All its points are of the same tasks: where some have fewer papers, it would else rise or fall by which they are.
    """
    drafts: dict[str, list[Draft]] = {}
    for row in rows:
        if row.reward is not None and (row.judge is not None or not judged):
            drafts.setdefault(row.task, []).append(Draft(selector=row.reward, judge=row.judge if judged else None))
    most = max(map(len, drafts.values()), default=0)
    curves = [best_of_n(drafts[task]) for task in sorted(drafts) if len(drafts[task]) == most]
    points = [
        CurvePoint(
            n=at[0].n,
            selector=sum(point.selector for point in at) / len(at),
            judge=mean([point.judge for point in at if point.judge is not None]),
        )
        for at in zip(*curves, strict=True)
    ]
    return tuple(points), len(curves)


def _by_task(values: Iterable[tuple[str, float]]) -> dict[str, tuple[float, ...]]:
    found: dict[str, list[float]] = {}
    for task, value in values:
        found.setdefault(task, []).append(value)
    return {task: tuple(found[task]) for task in sorted(found)}


def _means(values: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {task: sum(each) / len(each) for task, each in values.items()}
