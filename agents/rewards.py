"""Rewards: one number per candidate, from its reviews or from what can be verified. Higher is better."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev

from pydantic import Field

from peercycle.core.base import Word
from peercycle.core.bindings import check_manuscript
from peercycle.core.contracts import NoSettings, StageContext
from peercycle.core.reviews import Assessment, Reward, Submission
from peercycle.core.writing import CheckReport, NumberCheck


def _ratings(assessment: Assessment) -> list[float]:
    return [review.rating for review in assessment.reviews if review.rating is not None]


def _spread(values: Sequence[float]) -> float | None:
    return stdev(values) if len(values) > 1 else None


class MeanRating:
    """The mean of the ratings given (CycleResearcher's reward)."""

    def __init__(self, settings: NoSettings) -> None:
        del settings

    async def score(self, submission: Submission, assessment: Assessment, ctx: StageContext) -> Reward:
        """Return the mean rating; no value where no review rated."""
        del submission, ctx
        ratings = _ratings(assessment)
        value = fmean(ratings) if ratings else None
        return Reward(value=value, n=len(ratings), spread=_spread(ratings))


class MinRating:
    """The lowest rating given: what the least convinced reviewer says."""

    def __init__(self, settings: NoSettings) -> None:
        del settings

    async def score(self, submission: Submission, assessment: Assessment, ctx: StageContext) -> Reward:
        """Return the lowest rating; no value where no review rated."""
        del submission, ctx
        ratings = _ratings(assessment)
        return Reward(value=min(ratings, default=None), n=len(ratings), spread=_spread(ratings))


class ChecksPassed:
    """Verifiable without any reviewer: the share of a paper's citations and numbers that hold up.

    Counted are cited keys, bindings, numbers that rest on nothing, and every experiment with measurements of which
    none is shown: a paper does not gain by dropping its numbers.
    """

    def __init__(self, settings: NoSettings) -> None:
        del settings

    async def score(self, submission: Submission, assessment: Assessment, ctx: StageContext) -> Reward:
        """Return the share that holds, 0 to 1; no value where there is nothing to check."""
        del assessment, ctx
        held, counted = verified(submission)
        components = {"held": float(held), "counted": float(counted)}
        return Reward(value=held / counted if counted else None, components=components, n=counted)


def report_of(submission: Submission) -> CheckReport | None:
    """Return the check stage's report, or make it; None for a paper that is not one of ours."""
    if submission.check is not None or submission.manuscript is None:
        return submission.check
    return check_manuscript(submission.manuscript, submission.results, submission.bibliography, submission.topic)


def verified(submission: Submission) -> tuple[int, int]:
    """Return how many of a submission's checkable statements hold, and how many there are.

    Repetitions count once: the same number bound to the same measurement twice is one statement.
    """
    report = report_of(submission)
    if report is None:
        return 0, 0
    citations = {c.key: c.status in {"in_bibliography", "resolved"} for c in report.citations}
    numbers: dict[tuple[str, str], bool] = {}
    for number in report.numbers:
        key = (number.measurement or "", number.shown if number.measurement is None else "")
        numbers[key] = numbers.get(key, True) and _holds(number)
    measurements = submission.results.measurements if submission.results else ()
    shown = {n.measurement for n in report.numbers if _holds(n)}
    experiments = {m.experiment: False for m in measurements}
    for m in measurements:
        experiments[m.experiment] |= m.id in shown
    outcomes = [*citations.values(), *numbers.values(), *experiments.values()]
    return sum(outcomes), len(outcomes)


def _holds(number: NumberCheck) -> bool:
    return number.status == "bound"


class CompositeSettings(Word):
    """Weights of the parts; a part of weight 0 is left out."""

    rating: float = Field(default=1.0, ge=0)
    """Of the mean rating, brought to 0-1 by each review's scale."""
    checks: float = Field(default=0.5, ge=0)
    """Of the share of checks passed among those that apply, over the reviews that made any."""
    faults: float = Field(default=0.5, ge=0)
    """Of 1 / (1 + faults of the check stage)."""
    length: float = Field(default=0.0, ge=0)
    """Of the closeness of the paper's length to `words`."""
    words: int = Field(default=4000, ge=1)
    """The length, in words, that scores 1; half and double it score 0.5."""


class Composite:
    """A weighted mean of rating, checks passed, faults and length, each brought to 0-1.

    A part that cannot be had is left out of the mean, weight and all. Without any rating there is no value where
    the rating has a weight: a paper that nobody rated must not be ranked against rated ones.
    """

    def __init__(self, settings: CompositeSettings) -> None:
        self._settings = settings

    async def score(self, submission: Submission, assessment: Assessment, ctx: StageContext) -> Reward:
        """Return the weighted mean of the parts; `components` holds each as it went in."""
        del ctx
        parts = self._parts(submission, assessment)
        weights = self._settings.model_dump(include={"rating", "checks", "faults", "length"})
        known = {name: value for name, value in parts.items() if value is not None and weights[name] > 0}
        unrated = weights["rating"] > 0 and "rating" not in known
        total = sum(weights[name] for name in known)
        ratings = _relative(assessment)
        if unrated or not total:
            return Reward(components=known, n=0)
        value = sum(weights[name] * part for name, part in known.items()) / total
        return Reward(value=value, components=known, n=len(ratings) or 1, spread=_spread(ratings))

    def _parts(self, submission: Submission, assessment: Assessment) -> dict[str, float | None]:
        ratings = _relative(assessment)
        report = report_of(submission)
        words = len((submission.manuscript.latex if submission.manuscript else submission.text or "").split())
        ratio = words / self._settings.words
        return {
            "rating": fmean(ratings) if ratings else None,
            "checks": _checks_share(assessment),
            "faults": None if report is None else 1 / (1 + len(report.faults)),
            "length": min(ratio, 1 / ratio) if ratio else 0.0,
        }


def _relative(assessment: Assessment) -> list[float]:
    """Return the ratings on 0-1 by their own scales."""
    return [
        (review.rating - review.scale.low) / (review.scale.high - review.scale.low)
        for review in assessment.reviews
        if review.rating is not None and review.scale.high > review.scale.low
    ]


def _checks_share(assessment: Assessment) -> float | None:
    outcomes = [c.passed for review in assessment.reviews for c in review.checks if c.passed is not None]
    return sum(outcomes) / len(outcomes) if outcomes else None
