"""Stages in which the policy thinks and writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from peercycle.core.base import JSON
from peercycle.core.errors import PolicyError
from peercycle.core.literature import Reference
from peercycle.core.ranking import rank_works
from peercycle.core.sameness import Works, new_works
from peercycle.core.writing import Outline, PointEnd, PointOutcome
from peercycle.graphs.context import DriverContext
from peercycle.graphs.finding import search_all
from peercycle.graphs.work import State, kept, load_work, save_outcomes

Updates = Mapping[str, JSON]


MOST_NEW = 20
"""Works that the second search may add where it went outside."""
MOST_NAMED = 5
"""Nearest earlier works that an outline names where its policy named none."""


class OutlineStage:
    """Says what the paper will be about."""

    name = "outline"

    async def __call__(self, state: State, ctx: DriverContext) -> Updates:
        """Ask the policy for an outline."""
        turn = await ctx.run.policy.outline(await load_work(state, ctx), ctx)
        return kept(turn.memory, {"outline": await ctx.save(turn.value)})


class RelatedStage:
    """Searches again with the idea in hand."""

    name = "related"

    async def __call__(self, state: State, ctx: DriverContext) -> Updates:
        """Search for the outline's idea, add what is new, and have the outline placed against it."""
        work = await load_work(state, ctx)
        queries = await ctx.run.policy.queries(work, ctx)
        rankings, online, _ = await search_all(queries.value, ctx)
        nearest = tuple(Works(found for ranking in rankings for found in ranking))
        if online and work.outline is not None:
            nearest = nearest_to(work.outline, nearest)
        new = new_works(nearest[:MOST_NEW] if online else nearest, work.bibliography)
        updates: dict[str, JSON] = {}
        if new:
            works = work.bibliography.model_copy(update={"entries": (*work.bibliography.entries, *new)})
            updates["bibliography"] = await ctx.save(works)
        pool = Works((*work.bibliography.entries, *new))
        known = [(found, pool.find(found)) for found in nearest]
        placed = tuple(found if at is None else pool.at(at) for found, at in known if at is not None or not online)
        state = {**state, **updates, **({"memory": queries.memory} if queries.memory else {})}
        turn = await ctx.run.policy.related(await load_work(state, ctx), placed, ctx)
        outline = turn.value
        if not outline.nearest_prior:
            outline = outline.model_copy(update={"nearest_prior": tuple(one.key for one in placed[:MOST_NAMED])})
        updates["outline"] = await ctx.save(outline)
        return kept(turn.memory or queries.memory, updates)


def nearest_to(outline: Outline, works: Sequence[Reference]) -> tuple[Reference, ...]:
    """Return the works that have to do with an outline's idea, the nearest first."""
    text = " ".join([outline.title, outline.idea, *outline.questions])
    return tuple(works[place] for place in rank_works(text, works))


class WriteStage:
    """Writes the front of the paper: everything that no result is needed for."""

    name = "write"

    async def __call__(self, state: State, ctx: DriverContext) -> Updates:
        """Ask the policy for the manuscript."""
        turn = await ctx.run.policy.write(await load_work(state, ctx), ctx)
        return kept(turn.memory, {"manuscript": await ctx.save(turn.value)})


class ReviseStage:
    """Answers the reviews point by point."""

    name = "revise"

    async def __call__(self, state: State, ctx: DriverContext) -> Updates:
        """Ask the policy for a revision; it may not answer points that nobody made, or one twice."""
        work = await load_work(state, ctx)
        if work.assessment is None or work.manuscript is None:
            raise PolicyError(f"candidate {ctx.candidate!r} has nothing to revise: no reviewed manuscript")
        turn = await ctx.run.policy.revise(work, ctx)
        answered = [response.point for response in turn.value.responses]
        unknown = set(answered) - {point.id for point in work.assessment.points}
        if unknown or len(set(answered)) < len(answered):
            raise PolicyError(
                f"policy {ctx.options.policy!r} answered {sorted(unknown) or 'a point twice'}; "
                f"it must answer each of the reviews' points at most once"
            )
        return kept(
            turn.memory, {"revision": await ctx.save(turn.value), "manuscript": await ctx.save(turn.value.manuscript)}
        )


class ConcludeStage:
    """Writes what the results say, and settles how each answered point ended."""

    name = "conclude"

    async def __call__(self, state: State, ctx: DriverContext) -> Updates:
        """Ask the policy for the finished manuscript; then the framework, not the policy, settles the points."""
        work = await load_work(state, ctx)
        turn = await ctx.run.policy.conclude(work, ctx)
        manuscript = await ctx.save(turn.value)
        updates: dict[str, JSON] = {"manuscript": manuscript}
        if work.revision is not None and work.assessment is not None:
            settled = [*work.outcomes, *_settle(work, manuscript, state)]
            updates |= {"outcomes": await save_outcomes(settled, ctx), "revision": None}
        return kept(turn.memory, updates)


def _settle(work: Any, manuscript: str, state: State) -> list[PointOutcome]:
    """Decide how each point of the reviews ended: one that asks for evidence is closed by an execution only."""
    responses = {response.point: response for response in work.revision.responses}
    ended: list[PointOutcome] = []
    for point in work.assessment.points:
        response = responses.get(point.id)
        end: PointEnd = "failed"
        artifact, reason = None, None
        if response is None:
            reason = "the revision did not answer it"
        elif response.action == "decline":
            end, reason = "declined", response.answer
        elif response.action == "experiment":
            artifact = _evidence(work, point.id, frozenset(state.get("executed") or ()))
            end, reason = ("done", None) if artifact else ("failed", "no planned experiment for it ran to its end")
        elif point.asks == "evidence":
            reason = "it asks for evidence, and was answered by text alone"
        elif manuscript == state.get("reviewed"):
            reason = "the text did not change"
        else:
            end, artifact = "done", manuscript
        ended.append(
            PointOutcome(
                point=point.id,
                text=point.text,
                end=end,
                answer=response.answer if response else "",
                artifact=artifact,
                reason=reason,
                round=max(work.round, 1),
            )
        )
    return ended


def _evidence(work: Any, point: str, executed: frozenset[str]) -> str | None:
    """Return the results file of an experiment that was planned for this point and ran, in this round, to its end."""
    if work.plan is None or work.results is None:
        return None
    planned = {experiment.id: experiment for experiment in work.plan.experiments if point in experiment.answers}
    for execution in work.results.executions:
        fresh = execution.experiment in planned and execution.id in executed
        if fresh and execution.status == "ok" and execution.results:
            return str(execution.results)
    return None
