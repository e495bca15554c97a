"""The contract of reviewers."""

from __future__ import annotations

from typing import Any

from peercycle.core.base import JSON
from peercycle.core.contracts import Reviewer
from peercycle.core.reviews import Assessment, Submission
from peercycle.core.writing import Manuscript
from peercycle.plugins.testing import samples
from peercycle.plugins.testing.context import Bench
from peercycle.plugins.testing.contract import ReplayContract, Take

_SCORES = ("rating", "soundness", "presentation", "contribution", "confidence")


class ReviewerContract(ReplayContract):
    """A reviewer on a whole paper, on plain text, and on a paper with hardly anything in it.

    class TestMine(ReviewerContract):
        def reviewer(self):
            return Mine(MineSettings())
    """

    def reviewer(self) -> Reviewer:
        """Return a fresh reviewer."""
        raise NotImplementedError

    def submissions(self) -> dict[str, Submission]:
        """Return what to review, by name."""
        return {
            "paper": samples.submission(),
            "text": Submission(topic="ranking", text="We rank documents. It works."),
            "bare": Submission(topic="ranking", manuscript=Manuscript(title="On ranking", abstract="")),
        }

    def subject(self) -> Reviewer:
        """Return a fresh reviewer."""
        return self.reviewer()

    async def play(self, take: Take, bench: Bench) -> JSON:
        """Review everything."""
        said: dict[str, JSON] = {}
        for number, (name, submission) in enumerate(self.submissions().items()):
            ctx = bench.context("review", candidate=f"c{number}")
            assessment = await (await take()).review(submission, ctx)
            assert isinstance(assessment, Assessment), f"review returned {type(assessment).__name__}"
            said[name] = {
                **assessment.model_dump(mode="json"),
                "points": [point.id for point in assessment.points],
            }
        return said

    def test_it_says_what_made_the_assessment(self) -> None:
        """An assessment is no peer review without disclosure: `machine_made` names what made it."""
        for name, assessment in self._assessments():
            assert assessment["machine_made"].strip(), f"the assessment of {name!r} does not say what made it"

    def test_a_missing_score_is_missing_and_never_zero(self) -> None:
        """A score of 0 lies on no scale: what was not scored is null."""
        for name, assessment in self._assessments():
            for review in assessment["reviews"]:
                zeros = [score for score in _SCORES if review[score] == 0]
                assert not zeros, f"{name!r}: {zeros} of {review['reviewer']!r} are 0; what is missing is None"

    def test_a_rating_lies_on_its_scale(self) -> None:
        """A rating is between the ends that its own scale names."""
        for name, assessment in self._assessments():
            for review in assessment["reviews"]:
                low, high, rating = review["scale"]["low"], review["scale"]["high"], review["rating"]
                assert rating is None or low <= rating <= high, f"{name!r}: {rating} is not within {low} to {high}"

    def test_points_have_ids_of_their_own(self) -> None:
        """A revision answers points by id."""
        for name, assessment in self._assessments():
            points = assessment["points"]
            assert len(points) == len(set(points)), f"{name!r}: one id twice in {points}"

    def test_a_paper_that_could_not_be_judged_says_so(self) -> None:
        """No reviews at all is allowed only with the reason in `problems`."""
        for name, assessment in self._assessments():
            assert assessment["reviews"] or assessment["problems"], f"{name!r} has neither a review nor a problem"

    def _assessments(self) -> list[tuple[str, Any]]:
        said = self.said()
        assert isinstance(said, dict)
        return list(said.items())
