"""The contract of rewards, held to by rewards broken on purpose."""

from __future__ import annotations

import random
import socket
import statistics
import time
from typing import Any

import pytest

from peercycle.core.base import JSON
from peercycle.core.contracts import StageContext
from peercycle.core.reviews import Assessment, Reward, Submission
from peercycle.plugins.testing import RewardContract, failures


class MeanWithLookup:
    """A good reward that asks the world for a correction."""

    async def score(self, submission: Submission, assessment: Assessment, ctx: StageContext) -> Reward:
        async def look_up() -> JSON:
            return len(submission.topic) * 0.01

        correction = await ctx.effect("lookup", {"topic": submission.topic}, look_up)
        await ctx.effect("lookup", {"again": submission.topic}, look_up)
        average = assessment.average("rating")
        if average.value is None:
            return Reward()
        assert isinstance(correction, float)
        ratings = [r.rating for r in assessment.reviews if r.rating is not None]
        spread = statistics.stdev(ratings) if len(ratings) > 1 else None
        return Reward(value=average.value + correction, n=average.n, spread=spread)


class TestGoodReward(RewardContract):
    def reward(self) -> Any:
        return MeanWithLookup()


class ZeroForNothing(MeanWithLookup):
    async def score(self, submission: Submission, assessment: Assessment, ctx: StageContext) -> Reward:
        good = await super().score(submission, assessment, ctx)
        return Reward(value=good.value or 0.0, n=good.n)


class CountsItself(MeanWithLookup):
    calls = 0

    async def score(self, submission: Submission, assessment: Assessment, ctx: StageContext) -> Reward:
        self.calls += 1
        good = await super().score(submission, assessment, ctx)
        return good.model_copy(update={"components": {"calls": float(self.calls)}})


class OwnDice(MeanWithLookup):
    async def score(self, submission: Submission, assessment: Assessment, ctx: StageContext) -> Reward:
        good = await super().score(submission, assessment, ctx)
        return good.model_copy(update={"components": {"luck": random.random()}})


class OwnClock(MeanWithLookup):
    async def score(self, submission: Submission, assessment: Assessment, ctx: StageContext) -> Reward:
        good = await super().score(submission, assessment, ctx)
        return good.model_copy(update={"components": {"now": time.time()}})


class Swallows(MeanWithLookup):
    async def score(self, submission: Submission, assessment: Assessment, ctx: StageContext) -> Reward:
        try:
            return await super().score(submission, assessment, ctx)
        except BaseException:
            return Reward()


class AsksDifferently(MeanWithLookup):
    async def score(self, submission: Submission, assessment: Assessment, ctx: StageContext) -> Reward:
        async def look_up() -> JSON:
            return 1.0

        await ctx.effect("lookup", {"when": time.time_ns()}, look_up)
        return await super().score(submission, assessment, ctx)


class GoesOutItself(MeanWithLookup):
    async def score(self, submission: Submission, assessment: Assessment, ctx: StageContext) -> Reward:
        with socket.socket() as connection:
            connection.connect_ex(("127.0.0.1", 9))
        return await super().score(submission, assessment, ctx)


class SpreadOfOne(MeanWithLookup):
    async def score(self, submission: Submission, assessment: Assessment, ctx: StageContext) -> Reward:
        await super().score(submission, assessment, ctx)
        return Reward(value=assessment.rating, n=1 if assessment.rating else 0, spread=0.0)


class BareNumber(MeanWithLookup):
    async def score(self, submission: Submission, assessment: Assessment, ctx: StageContext) -> Any:
        return assessment.rating


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (ZeroForNothing, "test_nothing_to_score_is_none_and_never_zero"),
        (CountsItself, "test_it_keeps_nothing_from_one_run_to_the_next"),
        (CountsItself, "test_it_keeps_nothing_from_one_call_to_the_next"),
        (OwnDice, "test_a_replay_with_the_world_refused_says_the_same"),
        (OwnDice, "test_a_kill_and_a_resume_leave_what_an_undisturbed_play_leaves"),
        (OwnClock, "test_a_replay_with_the_world_refused_says_the_same"),
        (Swallows, "test_what_ends_a_run_passes_through_it"),
        (AsksDifferently, "test_a_replay_with_the_world_refused_says_the_same"),
        (GoesOutItself, "test_it_plays_to_the_end"),
        (SpreadOfOne, "test_a_spread_needs_two_judgements"),
        (BareNumber, "test_it_plays_to_the_end"),
    ],
)
def test_the_reward_contract_catches(broken: type[Any], check: str) -> None:
    class Held(RewardContract):
        def reward(self) -> Any:
            return broken()

    assert check in failures(Held, only=check)
