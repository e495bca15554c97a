"""Reviewers for loops of real models with random weights, which write nothing that could be reviewed otherwise."""

from __future__ import annotations

from typing import Any

from peercycle import hookimpl
from peercycle.core.contracts import StageContext
from peercycle.core.reviews import Assessment, Review, Scale, Submission


class Counting:
    """Rates by how often a letter occurs: a random model's texts differ in it, and training can raise it."""

    def __init__(self, letter: str) -> None:
        self._letter = letter

    async def review(self, submission: Submission, ctx: StageContext) -> Assessment:
        body = submission.manuscript.sections[0].body if submission.manuscript else ""
        rating = min(1.0, body.count(self._letter) / 30)
        return Assessment(reviews=(Review(rating=rating, scale=Scale(low=0, high=1)),), machine_made="counted")


@hookimpl
def register_reviewers(register: Any) -> None:
    register("letters", lambda _: Counting("k"))
    register("other-letters", lambda _: Counting("c"))
