"""A reviewer that says what its settings say: for trying the cycle without judging anything."""

from __future__ import annotations

import asyncio
from typing import Literal

from pydantic import Field

from peercycle.core.base import JSON, Word, artifact_ref, canonical_json
from peercycle.core.contracts import StageContext
from peercycle.core.reviews import Assessment, Review, ReviewPoint, Scale, Submission

MACHINE_MADE = (
    "Made by peercycle's scripted reviewer: ratings from its settings, nobody judged. It is no peer review."
)


class ScriptedVerdict(Word):
    """The ratings that one candidate gets in one round: one review each, None for a review without a rating."""

    ratings: tuple[float | None, ...] = Field(min_length=1)
    candidate: str | None = None
    """Its id; None stands for every candidate."""
    round: int | None = Field(default=None, ge=0)
    """0 for the draft, n for the n-th revision; None stands for every round."""


class ScriptedPoint(Word):
    """A point that the first review of the named rounds raises."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,79}$")
    text: str
    asks: Literal["text", "evidence"] = "text"
    rounds: tuple[int, ...] | None = None
    """The rounds that raise it; None means all."""


class ScriptedReviewerSettings(Word):
    """What is said, of whom, and how slowly."""

    verdicts: tuple[ScriptedVerdict, ...] = ()
    """The first that fits is said; where none fits, `ratings` are."""
    ratings: tuple[float | None, ...] = Field(default=(5.0,), min_length=1)
    points: tuple[ScriptedPoint, ...] = ()
    sleep_s: float = Field(default=0.0, ge=0, le=60)
    """How long each review takes, in seconds."""
    via_effect: bool = False
    """Each review is an effect of kind `scripted-review`: journalled, so never made twice."""


class ScriptedReviewer:
    """Returns the scripted reviews of a candidate; the round is the number of earlier assessments."""

    def __init__(self, settings: ScriptedReviewerSettings) -> None:
        self._settings = settings

    async def review(self, submission: Submission, ctx: StageContext) -> Assessment:
        """Return one review per scripted rating, made one after the other."""
        turn = len(submission.earlier)
        ratings = self._ratings(ctx.candidate, turn)
        paper = artifact_ref(canonical_json(submission.manuscript or submission.text))
        reviews = [await self._one(index, rating, turn, paper, ctx) for index, rating in enumerate(ratings)]
        return Assessment(reviews=tuple(reviews), machine_made=MACHINE_MADE)

    def _ratings(self, candidate: str, turn: int) -> tuple[float | None, ...]:
        for verdict in self._settings.verdicts:
            if verdict.candidate in {None, candidate} and verdict.round in {None, turn}:
                return verdict.ratings
        return self._settings.ratings

    async def _one(self, index: int, rating: float | None, turn: int, paper: str, ctx: StageContext) -> Review:
        async def say() -> JSON:
            if self._settings.sleep_s:
                await asyncio.sleep(self._settings.sleep_s)
            return {"rating": rating}

        if self._settings.via_effect:
            request: JSON = {"reviewer": index, "round": turn, "paper": paper}
            said = await ctx.effect("scripted-review", request, say)
        else:
            said = await say()
        given = said.get("rating") if isinstance(said, dict) else None
        return Review(
            reviewer=f"scripted-{index + 1}",
            summary=f"Scripted review {index + 1} of round {turn}.",
            rating=float(given) if isinstance(given, int | float) else None,
            scale=Scale(calibrated=False, note="scripted: nobody judged"),
            points=self._points(turn) if index == 0 else (),
        )

    def _points(self, turn: int) -> tuple[ReviewPoint, ...]:
        return tuple(
            ReviewPoint(id=point.id, text=point.text, asks=point.asks)
            for point in self._settings.points
            if point.rounds is None or turn in point.rounds
        )
