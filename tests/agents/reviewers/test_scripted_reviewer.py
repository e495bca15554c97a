"""The scripted reviewer says what it was told to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from peercycle.agents.reviewers.scripted import (
    ScriptedPoint,
    ScriptedReviewer,
    ScriptedReviewerSettings,
    ScriptedVerdict,
)
from peercycle.core.base import JSON
from peercycle.core.contracts import StageContext
from peercycle.core.reviews import Assessment, Submission


class Journal:
    """The part of a context that the reviewer uses: a candidate, and effects that are made once."""

    def __init__(self, candidate: str) -> None:
        self.candidate = candidate
        self.made: list[tuple[str, JSON]] = []

    async def effect(self, kind: str, request: JSON, fn: Callable[[], Awaitable[JSON]]) -> JSON:
        self.made.append((kind, request))
        return await fn()


SETTINGS = ScriptedReviewerSettings(
    verdicts=(
        ScriptedVerdict(candidate="c1", round=0, ratings=(4, 6)),
        ScriptedVerdict(candidate="c1", ratings=(7, None, 8)),
    ),
    ratings=(3,),
    points=(
        ScriptedPoint(id="p1", text="Repeat it.", asks="evidence", rounds=(0,)),
        ScriptedPoint(id="p2", text="Say why."),
    ),
    via_effect=True,
)


def _review(
    candidate: str, earlier: int, settings: ScriptedReviewerSettings = SETTINGS
) -> tuple[Assessment, Journal]:
    ctx = Journal(candidate)
    submission = Submission(text="x", earlier=(Assessment(),) * earlier)
    return asyncio.run(ScriptedReviewer(settings).review(submission, cast(StageContext, ctx))), ctx


def test_ratings_follow_candidate_and_round() -> None:
    assert [r.rating for r in _review("c1", 0)[0].reviews] == [4, 6]
    later = _review("c1", 2)[0]
    assert [r.rating for r in later.reviews] == [7, None, 8]
    assert (later.rating, later.average("rating").n) == (7.5, 2)
    assert [r.rating for r in _review("c2", 0)[0].reviews] == [3]


def test_points_come_from_the_first_review_in_their_rounds() -> None:
    assert [(p.id, p.asks) for p in _review("c1", 0)[0].points] == [("r1.p1", "evidence"), ("r1.p2", "text")]
    assert [p.id for p in _review("c1", 1)[0].points] == ["r1.p2"]


def test_each_review_is_one_effect_of_its_own() -> None:
    _, ctx = _review("c1", 1)
    assert len(ctx.made) == 3
    assert len({str(request) for _, request in ctx.made}) == 3
    assert _review("c1", 1, SETTINGS.model_copy(update={"via_effect": False}))[1].made == []


def test_it_says_that_nobody_judged() -> None:
    assessment, _ = _review("c1", 0)
    assert "scripted" in assessment.machine_made
    assert not any(r.scale.calibrated for r in assessment.reviews)
