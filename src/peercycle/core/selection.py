"""Best of n: what rejection sampling would have given with fewer drafts, from the drafts there are."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

from pydantic import Field

from peercycle.core.base import Word


class Draft(Word):
    """A draft that was scored."""

    selector: float
    """The reward that candidates are compared by."""
    judge: float | None = None
    """What a judge said who selected nothing."""


class CurvePoint(Word):
    """What the best of n drafts is worth on average."""

    n: int = Field(ge=1)
    selector: float
    """By the reward that selected it: biased upwards, the more the larger n is."""
    judge: float | None = None
    """By the judge; None where it did not score every draft."""


def best_of_n(drafts: Sequence[Draft]) -> tuple[CurvePoint, ...]:
    """Return the expected score of the best of n drafts for n = 1 … N, under selector and judge.

    Averaged over every subset of n drafts, without drawing any: the draft of rank r (from 0, best first) is the best
    of C(N-r-1, n-1) of the C(N, n) subsets. That makes the estimate unbiased. Of equal drafts the earlier is chosen,
    as a run chooses.
    """
    ranked = sorted(drafts, key=lambda draft: -draft.selector)
    judged = [draft.judge for draft in ranked if draft.judge is not None]
    points: list[CurvePoint] = []
    for n in range(1, len(ranked) + 1):
        shares = [comb(len(ranked) - rank - 1, n - 1) / comb(len(ranked), n) for rank in range(len(ranked))]
        selector = sum(share * draft.selector for share, draft in zip(shares, ranked, strict=True))
        whole = len(judged) == len(ranked)
        judge = sum(share * value for share, value in zip(shares, judged, strict=True)) if whole else None
        points.append(CurvePoint(n=n, selector=selector, judge=judge))
    return tuple(points)
