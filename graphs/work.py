"""From a candidate's state to what a policy is given, and from there to a reviewer's submission."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter

from peercycle.core.base import JSON, canonical_json
from peercycle.core.contracts import Work
from peercycle.core.experiments import ExperimentPlan, ExperimentResults
from peercycle.core.literature import Bibliography
from peercycle.core.reviews import Assessment, Submission
from peercycle.core.writing import CheckReport, Manuscript, Outline, PointOutcome, Revision
from peercycle.graphs.context import DriverContext

ModelT = TypeVar("ModelT", bound=BaseModel)
State = Mapping[str, Any]

_OUTCOMES = TypeAdapter(tuple[PointOutcome, ...])


async def load_work(state: State, ctx: DriverContext) -> Work:
    """Return one candidate's paper as it stands."""
    task = ctx.run.task
    works = await optional(state, "bibliography", Bibliography, ctx)
    return Work(
        task=task,
        bibliography=works or task.bibliography,
        outline=await optional(state, "outline", Outline, ctx),
        manuscript=await optional(state, "manuscript", Manuscript, ctx),
        plan=await optional(state, "plan", ExperimentPlan, ctx),
        results=await optional(state, "results", ExperimentResults, ctx),
        assessment=await optional(state, "assessment", Assessment, ctx),
        outcomes=await load_outcomes(state, ctx),
        revision=await optional(state, "revision", Revision, ctx),
        round=state.get("round", 0),
        memory=state.get("memory"),
        experiments_run=ctx.options.experiments != "off",
    )


async def optional(state: State, channel: str, kind: type[ModelT], ctx: DriverContext) -> ModelT | None:
    """Return the word that a channel refers to, or None."""
    ref = state.get(channel)
    return await ctx.load(ref, kind) if ref else None


async def load_outcomes(state: State, ctx: DriverContext) -> tuple[PointOutcome, ...]:
    """Return how the points of all rounds ended."""
    ref = state.get("outcomes")
    return _OUTCOMES.validate_json(await ctx.artifacts.get(ref)) if ref else ()


async def save_outcomes(outcomes: Sequence[PointOutcome], ctx: DriverContext) -> str:
    """Store how points ended, as a JSON list."""
    listed: JSON = json.loads(_OUTCOMES.dump_json(tuple(outcomes)))
    return await ctx.artifacts.put(canonical_json(listed), media_type="application/json", name="outcomes.json")


async def submission(state: State, ctx: DriverContext) -> Submission:
    """Return what a reviewer is given of a candidate."""
    work = await load_work(state, ctx)
    return Submission(
        topic=work.task.topic,
        manuscript=work.manuscript,
        bibliography=work.bibliography,
        results=work.results,
        check=await optional(state, "check", CheckReport, ctx),
        earlier=(work.assessment,) if work.assessment else (),
    )


def kept(turn_memory: str | None, updates: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return updates with the policy's memory among them, where it returned one."""
    return {**updates, "memory": turn_memory} if turn_memory is not None else dict(updates)
