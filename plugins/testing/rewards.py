"""The contract of rewards."""

from __future__ import annotations

from typing import Any

from peercycle.core.base import JSON
from peercycle.core.contracts import RewardFunction
from peercycle.core.reviews import Assessment, Review, Reward, Submission
from peercycle.plugins.testing import samples
from peercycle.plugins.testing.context import Bench
from peercycle.plugins.testing.contract import ReplayContract, Take


class RewardContract(ReplayContract):
    """A reward on an assessed paper, and on assessments that rate nothing.

    class TestMine(RewardContract):
        def reward(self):
            return Mine()
    """

    def reward(self) -> RewardFunction:
        """Return a fresh reward."""
        raise NotImplementedError

    def judged(self) -> dict[str, tuple[Submission, Assessment]]:
        """Return papers with what was said of them, by name. `unrated` and `empty` hold no rating."""
        submission, assessment = samples.submission(), samples.paper().assessment
        unrated = Assessment(reviews=(Review(summary="No rating."),), machine_made="sample")
        return {
            "rated": (submission, assessment),
            "unrated": (submission, unrated),
            "empty": (Submission(topic="ranking", text="A text."), Assessment(problems=("not read",))),
        }

    def subject(self) -> RewardFunction:
        """Return a fresh reward."""
        return self.reward()

    async def play(self, take: Take, bench: Bench) -> JSON:
        """Score everything."""
        said: dict[str, JSON] = {}
        for number, (name, (submission, assessment)) in enumerate(self.judged().items()):
            before = (submission.model_dump_json(), assessment.model_dump_json())
            ctx = bench.context("review", candidate=f"c{number}")
            reward = await (await take()).score(submission, assessment, ctx)
            assert isinstance(reward, Reward), f"score returned {type(reward).__name__}"
            assert before == (submission.model_dump_json(), assessment.model_dump_json()), "score changed its input"
            said[name] = reward.model_dump(mode="json")
        return said

    def test_it_scores_a_rated_paper(self) -> None:
        """A paper with ratings has a value, over at least one judgement."""
        reward = self._rewards()["rated"]
        assert reward["value"] is not None, "a rated paper has no value"
        assert reward["n"] >= 1, "a value over no judgement at all: set n"

    def test_nothing_to_score_is_none_and_never_zero(self) -> None:
        """A value over nothing is None: 0 would be compared with real scores."""
        for name, reward in self._rewards().items():
            assert reward["n"] or reward["value"] is None, f"{name!r} is worth {reward['value']} over nothing"

    def test_its_components_are_numbers_that_can_be_compared(self) -> None:
        """Neither value nor components are infinite or not a number."""
        for name, reward in self._rewards().items():
            for part, value in reward["components"].items():
                assert value == value and abs(value) != float("inf"), f"{name!r}: {part} is {value}"  # noqa: PLR0124

    def test_a_spread_needs_two_judgements(self) -> None:
        """A standard deviation over one judgement is not known."""
        for name, reward in self._rewards().items():
            assert reward["n"] > 1 or reward["spread"] is None, f"{name!r} has a spread over {reward['n']}"

    def _rewards(self) -> dict[str, Any]:
        said = self.said()
        assert isinstance(said, dict)
        return said
