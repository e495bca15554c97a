"""Stages that check and review."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from peercycle.core.base import JSON
from peercycle.core.bindings import check_manuscript
from peercycle.core.errors import PolicyError
from peercycle.core.reviews import Submission
from peercycle.graphs.context import DriverContext
from peercycle.graphs.verifying import verified
from peercycle.graphs.work import State, load_work, submission

Updates = Mapping[str, JSON]


class CheckStage:
    """Verifies citations and numbers."""

    name = "check"

    async def __call__(self, state: State, ctx: DriverContext) -> Updates:
        """Check the manuscript against its measurements, its bibliography, and the online sources that the run names."""
        work = await load_work(state, ctx)
        if work.manuscript is None:
            raise PolicyError(f"candidate {ctx.candidate!r} has no manuscript to check")
        report = await asyncio.to_thread(
            check_manuscript, work.manuscript, work.results, work.bibliography, work.task.topic
        )
        report = await verified(report, work.manuscript, work.bibliography, ctx)
        for fault in report.faults:
            await ctx.log(f"check: {fault}")
        return {"check": await ctx.save(report)}


class ReviewStage:
    """Has the steering reviewer judge the paper, and turns the judgement into a reward."""

    name = "review"

    async def __call__(self, state: State, ctx: DriverContext) -> Updates:
        """Review, score, and keep both."""
        handed = await submission(state, ctx)
        assessment = await ctx.run.reviewer.review(handed, ctx)
        reward = await ctx.run.reward.score(handed, assessment, ctx)
        await ctx.run.store.save_assessment(ctx.candidate, state.get("round", 0), "reviewer", assessment, reward)
        return {
            **await _judge_too(handed, state, ctx),
            "assessment": await ctx.save(assessment),
            "reviewed": state.get("manuscript"),
            "reward": reward.value,
            "rating": assessment.rating,
            "decision": assessment.decision,
        }


async def _judge_too(handed: Submission, state: State, ctx: DriverContext) -> Updates:
    """Have the judge judge this version, where the run asks that of it; nothing that steers sees what it says."""
    judge = ctx.run.judge
    wanted = ctx.options.judged == "every" or (ctx.options.curve and not state.get("round", 0))
    if judge is None or not wanted:
        return {}
    alone = handed.model_copy(update={"earlier": ()})
    # A stage of its own: where reviewer and judge are one plugin, their questions are not to be taken for each other.
    aside = DriverContext(ctx.run, stage="judge", candidate=ctx.candidate, visit=ctx.visit)
    verdict = await judge.review(alone, aside)
    reward = await ctx.run.reward.score(alone, verdict, aside)
    await ctx.run.store.save_assessment(ctx.candidate, state.get("round", 0), "judge", verdict, reward)
    return {"judgement": await ctx.save(verdict)}
