"""The contract of reviewers, held to by reviewers broken on purpose."""

from __future__ import annotations

import random
from typing import Any

import pytest

from peercycle.core.base import JSON
from peercycle.core.contracts import StageContext
from peercycle.core.errors import PeercycleError
from peercycle.core.modelling import Message, ModelRequest
from peercycle.core.reviews import Assessment, Review, ReviewPoint, Scale, Submission
from peercycle.plugins.testing import ReviewerContract, failures


class CountsSections:
    """A good reviewer: rates by the number of sections, and asks a model and the clock."""

    async def review(self, submission: Submission, ctx: StageContext) -> Assessment:
        asked = ModelRequest(messages=(Message(role="user", content=f"Judge {submission.topic!r}"),))
        (said,) = await ctx.model("reviewer").generate([asked])
        await ctx.now()
        paper = submission.manuscript
        rating = min(10.0, 1.0 + len(paper.sections)) if paper and paper.sections else None
        point = ReviewPoint(id="more", text=f"Add a section. {said.text}")
        review = Review(
            reviewer="counter", rating=rating, confidence=2, points=(point,), scale=Scale(calibrated=False)
        )
        return Assessment(reviews=(review,), machine_made="CountsSections 1")


class TestGoodReviewer(ReviewerContract):
    def reviewer(self) -> Any:
        return CountsSections()


def changed(assessment: Assessment, **changes: Any) -> Assessment:
    reviews = tuple(review.model_copy(update=changes) for review in assessment.reviews)
    return assessment.model_copy(update={"reviews": reviews})


class ZeroForMissing(CountsSections):
    async def review(self, submission: Submission, ctx: StageContext) -> Assessment:
        good = await super().review(submission, ctx)
        return changed(good, rating=good.rating or 0, scale=Scale(low=0))


class OffItsScale(CountsSections):
    async def review(self, submission: Submission, ctx: StageContext) -> Assessment:
        return changed(await super().review(submission, ctx), rating=55)


class SaysNotWhoItIs(CountsSections):
    async def review(self, submission: Submission, ctx: StageContext) -> Assessment:
        return (await super().review(submission, ctx)).model_copy(update={"machine_made": " "})


class RemembersTheLast(CountsSections):
    last = "nothing"

    async def review(self, submission: Submission, ctx: StageContext) -> Assessment:
        good = changed(await super().review(submission, ctx), summary=f"Better than {self.last}.")
        self.last = submission.manuscript.title if submission.manuscript else "a text"
        return good


class OwnDice(CountsSections):
    async def review(self, submission: Submission, ctx: StageContext) -> Assessment:
        return changed(await super().review(submission, ctx), rating=random.randint(1, 10))


class Swallows(CountsSections):
    async def review(self, submission: Submission, ctx: StageContext) -> Assessment:
        try:
            return await super().review(submission, ctx)
        except PeercycleError as error:
            return Assessment(problems=(str(error),), machine_made="CountsSections 1")


class SamePointTwice(CountsSections):
    async def review(self, submission: Submission, ctx: StageContext) -> Assessment:
        good = await super().review(submission, ctx)
        return changed(good, points=good.reviews[0].points * 2)


class SaysNothing(CountsSections):
    async def review(self, submission: Submission, ctx: StageContext) -> Assessment:
        await super().review(submission, ctx)
        return Assessment(machine_made="CountsSections 1")


class NeedsAManuscript(CountsSections):
    async def review(self, submission: Submission, ctx: StageContext) -> Assessment:
        assert submission.manuscript is not None
        return await super().review(submission, ctx)


class JustAReview(CountsSections):
    async def review(self, submission: Submission, ctx: StageContext) -> Any:
        return (await super().review(submission, ctx)).reviews[0]


class RunsAProgram(CountsSections):
    async def review(self, submission: Submission, ctx: StageContext) -> Assessment:
        import subprocess

        subprocess.run(["true"], check=True)
        return await super().review(submission, ctx)


class RunsItAsAnEffect(CountsSections):
    """Allowed: the way out is journalled."""

    async def review(self, submission: Submission, ctx: StageContext) -> Assessment:
        import subprocess

        async def run() -> JSON:
            return subprocess.run(["true"], check=True).returncode

        await ctx.effect("program", "true", run)
        return await super().review(submission, ctx)


class TestReviewerThatRunsAProgramAsAnEffect(ReviewerContract):
    def reviewer(self) -> Any:
        return RunsItAsAnEffect()


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (ZeroForMissing, "test_a_missing_score_is_missing_and_never_zero"),
        (OffItsScale, "test_a_rating_lies_on_its_scale"),
        (SaysNotWhoItIs, "test_it_says_what_made_the_assessment"),
        (RemembersTheLast, "test_it_keeps_nothing_from_one_run_to_the_next"),
        (RemembersTheLast, "test_it_keeps_nothing_from_one_call_to_the_next"),
        (OwnDice, "test_a_replay_with_the_world_refused_says_the_same"),
        (Swallows, "test_what_ends_a_run_passes_through_it"),
        (SamePointTwice, "test_points_have_ids_of_their_own"),
        (SaysNothing, "test_a_paper_that_could_not_be_judged_says_so"),
        (NeedsAManuscript, "test_it_plays_to_the_end"),
        (JustAReview, "test_it_plays_to_the_end"),
        (RunsAProgram, "test_it_plays_to_the_end"),
    ],
)
def test_the_reviewer_contract_catches(broken: type[Any], check: str) -> None:
    class Held(ReviewerContract):
        def reviewer(self) -> Any:
            return broken()

    assert check in failures(Held, only=check)
