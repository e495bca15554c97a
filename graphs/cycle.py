"""The research cycle as a LangGraph: literature, drafts side by side, selection, revisions, finish."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, cast

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import RetryPolicy, Send

from peercycle.core.errors import PeercycleError
from peercycle.core.runs import RunOptions
from peercycle.graphs.context import DriverContext
from peercycle.graphs.nodes import Route, announced, call_stage, candidate_node, ending, seal_node
from peercycle.graphs.openrun import OpenRun
from peercycle.graphs.pool import current_pool
from peercycle.graphs.publish import conclude_run, publish
from peercycle.graphs.registry import Runs
from peercycle.graphs.runstages import LiteratureStage, ReadBibliography, read_task
from peercycle.graphs.selecting import revision_of, select
from peercycle.graphs.stagelist import build_stages
from peercycle.graphs.state import (
    CANDIDATE_CHANNELS,
    OWN_CHANNELS,
    CandidateOutput,
    CycleOutput,
    CycleState,
    TaskInput,
    candidate_schema,
    next_visit,
)
from peercycle.plugins.manager import Plugins

NEVER = RetryPolicy(max_attempts=1, retry_on=lambda _: False)
"""LangGraph's default would repeat a timed-out experiment; effects retry by their own rules."""

KEPT_CYCLES = 8
"""Compiled cycles that one loop keeps, the oldest going first: a program may load its plugins anew for every run."""


def build_graph(
    plugins: Plugins | None = None,
    *,
    checkpointer: Any = None,
    read_bibliography: ReadBibliography | None = None,
) -> Any:
    """Return the compiled cycle.

    Input: a `ResearchTask`'s fields (`topic`, `bibliography` as BibTeX text, a path or a word, `study`, `notes`).
    Context: `RunOptions`; every field has a default. Each run gets a journalled run directory, with or without a
    checkpointer.
    """
    runs = Runs(plugins)
    builder = build_stages(runs.loaded())
    channels = frozenset(CANDIDATE_CHANNELS) | frozenset(builder.channels)
    schema = candidate_schema(tuple(builder.channels.values()))
    stages = builder.finished()
    declared = channels - OWN_CHANNELS
    defaults = {name: channel.default for name, channel in builder.channels.items() if channel.default is not None}

    def path(order: Sequence[str]) -> Any:
        graph: Any = StateGraph(schema, context_schema=RunOptions, output_schema=CandidateOutput)
        graph.set_node_defaults(retry_policy=NEVER)
        for place, name in enumerate(order, start=1):
            rest = order[place:]
            node = candidate_node(stages[name], runs, declared, _next(name, rest))
            graph.add_node(name, cast(Any, node), destinations=(*rest, "seal"))
        graph.add_node("seal", cast(Any, seal_node(runs, channels)))
        graph.add_conditional_edges(START, _asked_in_loop(_next(START, order)), [*order, "seal"])
        graph.add_edge("seal", END)
        return graph.compile()

    cycle = StateGraph(CycleState, context_schema=RunOptions, input_schema=TaskInput, output_schema=CycleOutput)
    cycle.set_node_defaults(retry_policy=NEVER)
    cycle.add_node("literature", _literature_node(runs, read_bibliography))
    cycle.add_node("draft", path(builder.paths["draft"]))
    cycle.add_node("select", _select_node(runs))
    cycle.add_node("improve", path(builder.paths["improve"]))
    cycle.add_node("finish", _finish_node(runs))
    cycle.add_edge(START, "literature")
    cycle.add_conditional_edges("literature", _fan_out(defaults), ["draft"])
    cycle.add_edge("draft", "select")
    cycle.add_conditional_edges("select", _loop(defaults), ["improve", "finish"])
    cycle.add_edge("improve", "select")
    cycle.add_edge("finish", END)
    return cycle.compile(checkpointer=checkpointer, name="peercycle")


def cycle_of(plugins: Plugins, checkpointer: Any) -> Any:
    """Return the compiled cycle for one run of the driver's; runs of one loop share all but the checkpointer."""
    compiled = current_pool().cycles
    if plugins not in compiled:
        if len(compiled) >= KEPT_CYCLES:
            del compiled[next(iter(compiled))]
        compiled[plugins] = build_graph(plugins)
    cycle = copy.copy(compiled[plugins])
    cycle.checkpointer = checkpointer
    return cycle


def step_limit(graph: Any, rounds: int) -> int:
    """Return how many steps LangGraph may take: those of the rounds, or of the longest path of stages."""
    longest = max(len(path.nodes) for _, path in graph.get_subgraphs())
    return max(20 + 4 * (rounds + 1), longest + 5)


def _next(name: str, rest: Sequence[str]) -> Any:
    """Return the way on from a stage: to the first of the rest that is not left out."""

    def route(state: Mapping[str, Any]) -> str:
        if state.get("failure"):
            return "seal"
        skipped: set[str] = set(state["run"].get("skip") or ())
        nothing_planned = not state.get("planned") and (name == "plan" or "plan" in skipped)
        if nothing_planned and next((stage for stage in rest if stage not in skipped), None) == "experiment":
            skipped.add("experiment")
        return next((stage for stage in rest if stage not in skipped), "seal")

    return route


def _asked_in_loop(route: Route) -> Any:
    """Return a route as a coroutine function: LangGraph asks any other in a thread, which every round waits for."""

    async def asked(state: Any) -> str:
        return route(state)

    return asked


def _fan_out(defaults: Mapping[str, Any]) -> Any:
    async def route(state: Any) -> list[Send]:
        seeds: list[int] = state["run"]["seeds"]
        return [
            Send(
                "draft",
                {
                    **defaults,
                    "run": {key: value for key, value in state["run"].items() if key != "seeds"},
                    "candidate": f"c{index}",
                    "seed": seed,
                    "round": 0,
                    "visits": {},
                    "bibliography": state["works"],
                },
            )
            for index, seed in enumerate(seeds)
        ]

    return route


def _loop(defaults: Mapping[str, Any]) -> Any:
    async def route(state: Any) -> Any:
        if state.get("ending"):
            return "finish"
        return Send("improve", {**defaults, **revision_of(state)})

    return route


def _literature_node(runs: Runs, read_bibliography: ReadBibliography | None) -> Any:
    async def literature(state: Any, runtime: Runtime[Any]) -> dict[str, Any]:
        updates: dict[str, Any] = {}
        where = state.get("run")
        # A topic is in the input only: where there is one, a caller begins, perhaps again on the thread of an old run.
        if where is None or state.get("topic") is not None:
            updates = {
                **dict.fromkeys(("candidates", "best", "ending", "result")),
                "round": 0,
                "stale": 0,
                "extended": 0,
            }
            options = runtime.context if isinstance(runtime.context, RunOptions) else RunOptions()
            run = await runs.launch(options, read_task(state, read_bibliography), runtime)
            where = updates["run"] = _where(run)
        visit = next_visit(state, "literature")
        async with runs.use({"run": where}, runtime) as run:
            ctx = DriverContext(run, stage="literature", candidate="", visit=visit)
            found = await _run_stage(LiteratureStage(), state, ctx, frozenset({"works"}))
        return {**updates, **found, "visits": {"literature": visit}}

    return literature


async def _run_stage(stage: Any, state: Any, ctx: DriverContext, declared: frozenset[str]) -> dict[str, Any]:
    try:
        return await call_stage(stage, state, ctx, declared)
    except PeercycleError as error:
        raise await _ended(error, ctx.run) from error


async def _ended(error: PeercycleError, run: OpenRun) -> Exception:
    """Return what to raise for an error of a stage that belongs to the run, and remember why the run ends."""
    if error.ends_run:
        return await ending(error, run)
    run.stop_reason = run.stop_reason or ("error", str(error))
    return error


def thread_of(run: OpenRun, graph: Any) -> dict[str, Any]:
    """Return the configuration under which LangGraph drives a run: its own thread, steps enough for its rounds."""
    return {"configurable": {"thread_id": run.run_id}, "recursion_limit": step_limit(graph, run.options.rounds)}


def beginning_of(run: OpenRun) -> dict[str, Any]:
    """Return the input of a run that was created already: the rest of its task is in its record."""
    return {"run": _where(run)}


def _where(run: OpenRun) -> dict[str, Any]:
    options = run.options
    seeds = [options.seed * 1000 + index for index in range(options.candidates)]
    skip = {"skip": sorted(options.skip)} if options.skip else {}
    return {"id": run.run_id, "dir": str(run.path), "seeds": seeds, **skip}


def _select_node(runs: Runs) -> Any:
    async def select_best(state: Any, runtime: Runtime[Any]) -> dict[str, Any]:
        async with runs.use(state, runtime) as run:
            # The first selection, among the drafts, then one after each round.
            visit = 1 if state.get("best") is None else int(state.get("round", 0)) + 2
            ctx = DriverContext(run, stage="select", candidate="", visit=visit)
            try:
                async with announced(ctx) as updates:
                    updates.update(select(state, run.options), extended=len(run.record.extensions))
                    await run.store.mark_selected(updates["best"]["candidate"], updates["best"].get("round", 0))
                    ended = updates["ending"]
                    await ctx.emit(
                        "selected",
                        f"best: {updates['best']['candidate']} of round {updates['best'].get('round', 0)}, "
                        f"reward {updates['best'].get('reward')}" + (f"; ending: {ended['reason']}" if ended else ""),
                    )
            except PeercycleError as error:
                raise await _ended(error, run) from error
        return updates

    return select_best


def _finish_node(runs: Runs) -> Any:
    async def finish(state: Any, runtime: Runtime[Any]) -> dict[str, Any]:
        # By the round and not by a count: a kill after the terminal record, an extension and a replay all come to
        # the same visit for the same ending, and endings of two rounds never share one.
        visit = int(state.get("round", 0)) + 1
        best, ended = state.get("best"), state.get("ending") or {}
        async with runs.use(state, runtime) as run:
            try:
                async with announced(DriverContext(run, stage="finish", candidate="", visit=visit)):
                    judged = await publish(run, best, visit)
            except PeercycleError as error:
                raise await _ended(error, run) from error
            rating = judged.rating if judged else (best or {}).get("rating")
            rounds = int(state.get("round", 0))
            terminal = await conclude_run(
                run,
                cast(Any, ended.get("reason")),
                ended.get("message", ""),
                rounds=rounds,
                rating=rating,
                visit=visit,
            )
        result = {
            "run_id": state["run"]["id"],
            "path": state["run"]["dir"],
            "status": terminal.status,
            "reason": terminal.reason,
            "rating": rating,
            "rounds": rounds,
            "candidates": len(state.get("candidates") or {}),
        }
        return {"result": result, "visits": {"finish": visit}}

    return finish
