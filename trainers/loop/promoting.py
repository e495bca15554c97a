"""Which policy is the best so far, and whether the loop goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from peercycle.core.base import Word
from peercycle.trainers.loop.evaluating import Evaluation, gain, win_rate
from peercycle.trainers.loop.settings import PromoteSettings
from peercycle.trainers.loop.statistics import Difference

Ending = Literal["iteration_limit", "no_gain", "repetition", "judge_disagrees", "no_pairs"]
"""`judge_disagrees`: the steering reward rises while the judge's falls, which is what gaming a reviewer looks like."""


class Verdict(Word):
    """What became of an iteration's policy."""

    policy: str
    promoted: bool
    best: str
    """The best policy from here on."""
    gain: Difference | None
    """Over the best before, by the judge; None where nothing can be compared, and for the first policy."""
    wins_over_previous: float | None = None
    """How often the judge puts a paper of it above one of the policy judged before, on the same task; ties are halves."""
    wins_over_first: float | None = None
    """The same against the policy that the loop began with."""
    ending: Ending | None
    why: str


def first_verdict(policy: str) -> Verdict:
    """Return the verdict on the policy that the loop begins with: the best there is."""
    return Verdict(
        policy=policy,
        promoted=True,
        best=policy,
        gain=None,
        ending=None,
        why="it is the first",
    )


def decide(evaluations: Sequence[Evaluation], verdicts: Sequence[Verdict], settings: PromoteSettings) -> Verdict:
    """Judge the latest of the evaluations (oldest first) by all that came before it."""
    latest, before = evaluations[-1], evaluations[-2]
    best = next(each for each in evaluations if each.policy == verdicts[-1].best)
    difference = gain(latest, best)
    promoted, why = _promoted(
        difference, settings, "the judge's" if latest.independent else "the selecting reviewer's"
    )
    return Verdict(
        policy=latest.policy,
        promoted=promoted,
        best=latest.policy if promoted else best.policy,
        gain=difference,
        wins_over_previous=win_rate(latest, before),
        wins_over_first=win_rate(latest, evaluations[0]),
        ending=_ending(latest, before, verdicts, settings, promoted=promoted),
        why=why,
    )


def _promoted(difference: Difference | None, settings: PromoteSettings, whose: str) -> tuple[bool, str]:
    if difference is None:
        return False, "no held-out task has a judgement of both policies"
    reached, what = (difference.low, "lower end") if settings.sure else (difference.mean, "mean")
    interval = f"{difference.mean:+.4f} [{difference.low:+.4f}, {difference.high:+.4f}] over {difference.n} tasks"
    if reached > settings.min_gain:
        return True, f"{whose} gain is {interval}"
    return False, f"{whose} gain is {interval}, and its {what} is not above {settings.min_gain:g}"


def _ending(
    latest: Evaluation,
    before: Evaluation,
    verdicts: Sequence[Verdict],
    settings: PromoteSettings,
    *,
    promoted: bool,
) -> Ending | None:
    if latest.repetition > settings.most_repetition:
        return "repetition"
    if _judge_disagrees(latest, before, settings):
        return "judge_disagrees"
    stale = 0 if promoted else 1 + _stale(verdicts)
    return "no_gain" if stale >= settings.patience else None


def _judge_disagrees(latest: Evaluation, before: Evaluation, settings: PromoteSettings) -> bool:
    if None in (latest.judge, before.judge, latest.steering, before.steering):
        return False
    fell = (before.judge or 0.0) - (latest.judge or 0.0)
    rose = (latest.steering or 0.0) - (before.steering or 0.0)
    return rose > 0 and fell > settings.least_fall


def _stale(verdicts: Sequence[Verdict]) -> int:
    """Return how many of the latest verdicts, in a row, promoted nothing."""
    count = 0
    for verdict in reversed(verdicts):
        if verdict.promoted:
            break
        count += 1
    return count
