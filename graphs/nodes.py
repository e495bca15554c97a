"""Nodes: thin adapters that find the run, call a stage with its context, and keep its updates honest."""

from __future__ import annotations

import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

from langgraph.errors import GraphBubbleUp, GraphDrained
from langgraph.runtime import Runtime
from langgraph.types import Command

from peercycle.core.base import JSON
from peercycle.core.contracts import Stage
from peercycle.core.errors import (
    BudgetExceededError,
    OutageError,
    PeercycleError,
)
from peercycle.core.events import AfterStage, BeforeStage
from peercycle.core.journal import CandidateRow
from peercycle.core.runs import EndReason
from peercycle.graphs.context import DriverContext
from peercycle.graphs.openrun import OpenRun
from peercycle.graphs.registry import Runs
from peercycle.graphs.state import check_updates, next_visit, said_of

TICK_S = 0.1
"""Time worked is written at the end of a stage where so much has come together; what is left comes with the next."""

Route = Callable[[Mapping[str, Any]], str]
"""Where a candidate's path goes on, given its state."""
StageNode = Callable[[Any, Runtime[Any]], Awaitable[Command[Any]]]
Node = Callable[[Any, Runtime[Any]], Awaitable[dict[str, Any]]]

DRAINS: Mapping[type[PeercycleError], EndReason] = {
    BudgetExceededError: "budget",
    OutageError: "outage",
}
"""Errors that let the other candidates' stages end, and then the run."""


def candidate_node(stage: Stage, runs: Runs, declared: frozenset[str], route: Route) -> StageNode:
    """Return the node of a candidate's stage. What it raises ends the candidate, not the run.

    It says itself where to go on: for an edge with a condition, LangGraph copies every channel once more.
    """

    async def node(state: dict[str, Any], runtime: Runtime[Any]) -> Command[Any]:
        updates = await work(state, runtime)
        return Command(update=updates, goto=route({**state, **updates}))

    async def work(state: dict[str, Any], runtime: Runtime[Any]) -> dict[str, Any]:
        name, candidate = stage.name, str(state["candidate"])
        visit = next_visit(state, name)
        visits = {**(state.get("visits") or {}), name: visit}
        async with runs.use(state, runtime) as run:
            ctx = DriverContext(run, stage=name, candidate=candidate, visit=visit, seed=state.get("seed"))
            try:
                updates = await call_stage(stage, state, ctx, declared)
            except GraphBubbleUp:
                raise
            except PeercycleError as error:
                if error.ends_run:
                    raise await ending(error, run) from error
                return {
                    "visits": visits,
                    "failure": {"stage": name, "error": str(error), "settled": error.settled},
                }
            except Exception as error:  # noqa: BLE001 - a plugin's stage may raise anything; it ends its candidate
                message = run.plugins.told(error)
                return {"visits": visits, "failure": {"stage": name, "error": message, "settled": False}}
            return {**updates, "visits": visits}

    node.__name__ = stage.name
    return node


async def ending(error: PeercycleError, run: OpenRun) -> Exception:
    """Return what to raise for an error that ends the run: drains let other stages end first."""
    for kind, reason in DRAINS.items():
        if isinstance(error, kind):
            await run.emit(reason, str(error))
            run.drain(reason, str(error))
            return GraphDrained(reason)
    return error


async def call_stage(
    stage: Stage, state: Mapping[str, Any], ctx: DriverContext, declared: frozenset[str]
) -> dict[str, JSON]:
    """Call a stage between its events, and check what it returns."""
    async with announced(ctx) as updates:
        updates.update(check_updates(stage.name, await stage(MappingProxyType(dict(state)), ctx), declared))
    return updates


@asynccontextmanager
async def announced(ctx: DriverContext) -> AsyncIterator[dict[str, Any]]:
    """Tell the log and the plugins that a stage begins, and how it ended; yields where its updates go."""
    run = ctx.run
    run.plugins.before_stage(BeforeStage(run.run_id, ctx.candidate, ctx.stage, ctx.visit))
    await ctx.emit("stage_started")
    began = time.monotonic()
    updates: dict[str, Any] = {}
    error: str | None = None
    try:
        yield updates
    except GraphBubbleUp:
        await ctx.emit("stage_paused")
        raise
    except Exception as problem:
        error = run.plugins.told(problem)
        detail = "" if isinstance(problem, PeercycleError) else traceback.format_exc(limit=-8)
        await ctx.emit("stage_failed", error, **({"traceback": detail} if detail else {}))
        raise
    else:
        seconds = time.monotonic() - began
        await ctx.emit("stage_finished", seconds=round(seconds, 3), updates=list[JSON](sorted(updates)))
    finally:
        await ctx.effects.end()
        await run.tick(at_least_s=TICK_S)
        seconds = time.monotonic() - began
        run.plugins.after_stage(AfterStage(run.run_id, ctx.candidate, ctx.stage, ctx.visit, seconds, updates, error))


def seal_node(runs: Runs, channels: frozenset[str]) -> Node:
    """Return the node that ends a candidate's path: it keeps the version, and hands its record back."""

    async def seal(state: dict[str, Any], runtime: Runtime[Any]) -> dict[str, Any]:
        record = {name: state[name] for name in sorted(channels) if state.get(name) is not None}
        failure = state.get("failure")
        async with runs.use(state, runtime) as run:
            await run.store.save_candidate(
                CandidateRow(
                    candidate=str(state["candidate"]),
                    round=int(state.get("round", 0)),
                    status="failed" if failure else "complete",
                    manuscript=state.get("manuscript"),
                    results=state.get("results"),
                    assessment=None if failure else state.get("assessment"),
                    check=state.get("check"),
                    reward=None if failure else state.get("reward"),
                    rating=None if failure else state.get("rating"),
                    error=said_of(failure) if failure else None,
                    state={k: v for k, v in record.items() if k not in {"run", "visits"}},
                )
            )
        return {"candidates": {str(state["candidate"]): record}}

    return seal
