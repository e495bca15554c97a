"""Reviewers for loops of real models with random weights, which write nothing that could be reviewed otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peercycle import hookimpl
from peercycle.core.contracts import StageContext
from peercycle.core.reviews import Assessment, Review, Scale, Submission


class Counting:
    """Rates by how often something occurs: a random model's texts differ in it, and training can raise it."""

    def __init__(self, count: Callable[[str], int], most: int) -> None:
        self._count = count
        self._most = most

    async def review(self, submission: Submission, ctx: StageContext) -> Assessment:
        body = submission.manuscript.sections[0].body if submission.manuscript else ""
        rating = min(1.0, self._count(body) / self._most)
        return Assessment(reviews=(Review(rating=rating, scale=Scale(low=0, high=1)),), machine_made="counted")


@hookimpl
def register_reviewers(register: Any) -> None:
    register("letters", lambda _: Counting(lambda body: body.count("k"), 30))
    register("other-letters", lambda _: Counting(lambda body: body.count("c"), 30))
    register("distinct", lambda _: Counting(lambda body: len(set(body)), 60))
