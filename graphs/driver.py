"""Running a cycle to one of its endings: launch, resume, extend, drain; and always a report."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl
from pydantic import ValidationError

from peercycle.core.base import JSON
from peercycle.core.complaints import complaint_of
from peercycle.core.errors import LeaseLostError, PeercycleError, ReplayDivergedError, StoreError, UsageError
from peercycle.core.runs import ENDED_FOR_GOOD, Extension, RunOptions, RunRecord
from peercycle.core.writing import ResearchTask
from peercycle.graphs.checkpoint_file import check_checkpoints
from peercycle.graphs.checkpoints import open_checkpoints
from peercycle.graphs.cycle import beginning_of, cycle_of, thread_of
from peercycle.graphs.fingerprint import compare, fingerprint, require_same
from peercycle.graphs.launch import create_and_open, open_existing
from peercycle.graphs.openrun import OpenRun
from peercycle.graphs.publish import EARLY_VISIT, end_early, write_report
from peercycle.graphs.refusing import require_prices
from peercycle.graphs.registry import forget, register
from peercycle.graphs.result import RunResult, result_of
from peercycle.graphs.selecting import decide_ending
from peercycle.graphs.signals import draining_on_signals
from peercycle.graphs.wallclock import tell_jump_while_stopped
from peercycle.plugins.manager import Plugins

POLL_S = 0.25
"""How often the driver looks for a stop request and at the clock."""


EXTENDABLE = frozenset({"rounds", "patience", "budget", "on_outage"})
"""Options that a resume may change: limits, which no content depends on."""


async def start(
    task: ResearchTask, options: RunOptions, plugins: Plugins, on_launch: Any = None, *, in_loop: bool = True
) -> RunResult:
    """Create a run and drive it to an ending. Raises only where nothing was begun.

    `in_loop` says whose the running loop is. True: it is there for runs, as a command's is; the driver commits in it,
    which is cheapest, and holds it up for as long as the disk takes. Pass False in a server, and wherever else the
    loop has other work that must not wait: nothing of the driver's waits for the disk in it then.
    `peercycle.aresearch` passes False.
    """
    run = await create_and_open(task, options, plugins, RunControl(), in_loop=in_loop)
    if on_launch is not None:
        on_launch(run)
    return await drive(run, in_loop=in_loop)


async def resume(
    path: Path,
    plugins: Plugins,
    changes: Mapping[str, JSON] | None = None,
    *,
    accept_changes: bool = False,
    on_launch: Any = None,
) -> RunResult:
    """Go on with a run, extended where `changes` says so; one that has ended is returned as it is.

    It waits for the disk in the running loop (`in_loop` of `start`): a server gives it a thread with a loop of its own.

    Raises `FingerprintError` where what decides its content has changed, `RunInUseError`, `DamagedRunError`.
    """
    run = await open_existing(path, plugins, RunControl(), in_loop=True)
    try:
        # Before anything is written: a refusal leaves the run as it was.
        await check_checkpoints(path)
        run.record = await _extend(run, dict(changes or {}), accept_changes)
        if run.record.terminal is None:
            await tell_jump_while_stopped(run)
    except BaseException:
        await run.close()
        raise
    if on_launch is not None:
        on_launch(run)
    return await drive(run, in_loop=True)


async def _extend(run: OpenRun, changes: dict[str, JSON], accept: bool) -> RunRecord:
    record = run.record
    if unknown := sorted(set(changes) - EXTENDABLE):
        raise UsageError(
            f"a resume cannot change {unknown}; it may change {sorted(EXTENDABLE)}; begin a new run instead"
        )
    options = _extended(record.options, changes)
    current = fingerprint(options, record.task, run.plugins)
    differences = compare(record.fingerprint, current)
    if not accept:
        require_same(
            record.run_id, differences, "begin a new run, or pass --accept-changes to go on with the new ones"
        )
    extended = bool(changes) or bool(differences)
    ended_for_good = record.terminal is not None and record.terminal.reason in ENDED_FOR_GOOD
    if ended_for_good and not extended:
        return record
    extension = Extension(
        at=time.time(), changes={**changes, **({"accepted": list(differences)} if differences else {})}
    )
    record = record.model_copy(
        update={
            "options": options,
            "fingerprint": current,
            "terminal": None,
            "extensions": (*record.extensions, extension) if extended else record.extensions,
        }
    )
    await run.store.write_record(record)
    return record


def _extended(options: RunOptions, changes: Mapping[str, JSON]) -> RunOptions:
    try:
        extended = RunOptions.model_validate({**options.model_dump(), **changes})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{where}: {first['input']!r}: {complaint_of(first)}; the run was left as it was") from None
    require_prices(extended)
    return extended


async def drive(run: OpenRun, *, in_loop: bool) -> RunResult:
    """Drive an open run to an ending, and close it; `in_loop` as in `start`."""
    try:
        await register(run)
        if run.record.terminal is None:
            async with _watched(run):
                await _run_to_ending(run, in_loop)
            # Answered: whatever the clock says then, no later driver takes it for its own.
            await run.store.clear_stop()
        else:
            # A kill may have come between the terminal record and the report.
            await write_report(run, EARLY_VISIT)
        return await result_of(run.store)
    finally:
        forget(run)
        await run.close()


async def _run_to_ending(run: OpenRun, in_loop: bool) -> None:
    try:
        async with open_checkpoints(run.path, run.store.fence, in_loop=in_loop) as saver:
            waiting = await _invoke(run, cycle_of(run.plugins, saver))
        if run.record.terminal is None and waiting:
            await end_early(run, None, "an open question: see `peercycle answer`")
    except GraphDrained:
        reason, message = run.stop_reason or ("drained", "a stop was asked for")
        await end_early(run, reason, message)
    except (LeaseLostError, ReplayDivergedError):
        # Not ours to write any more, or not a run's own ending.
        raise
    except PeercycleError as error:
        await end_early(run, "error", str(error), settled=error.settled)
    except Exception as error:
        await end_early(run, "error", run.plugins.told(error))
        raise


async def _invoke(run: OpenRun, graph: Any) -> bool:
    """Run the graph from where it stands; return whether it waits for an answer."""
    config = thread_of(run, graph)
    given = await _where_to_begin(run, graph, config)
    await graph.ainvoke(given, config, context=run.options, durability="sync", control=run.control)
    if run.record.terminal is not None:
        return False
    left = await graph.aget_state(config, subgraphs=False)
    return any(task.interrupts for task in left.tasks)


async def _where_to_begin(run: OpenRun, graph: Any, config: Any) -> dict[str, Any] | None:
    """Return the input of a run that has none yet; else put right where its checkpoints let it go on, and None."""
    state: Mapping[str, Any] = {}
    if await graph.checkpointer.aget_tuple(config) is not None:
        state = (await graph.aget_state(config)).values
    if not state.get("run"):
        # No checkpoint was ever written: the record holds all that is needed to begin.
        return beginning_of(run)
    if state.get("ending"):
        # The loop had come to its end, perhaps under other limits: let it decide again where to go.
        await graph.aupdate_state(config, _decide_again(run, state), as_node="select")
    elif _all_failed(state):
        # Their drafts begin anew: the journal answers what was done, and what failed is tried again.
        await graph.aupdate_state(config, {"works": state["works"]}, as_node="literature")
    return None


def _all_failed(state: Mapping[str, Any]) -> bool:
    """Tell whether no draft came to its end: there is nothing to select from."""
    drafts = (state.get("candidates") or {}).values()
    return (
        not state.get("best") and len(drafts) == len(state["run"]["seeds"]) and all(d.get("failure") for d in drafts)
    )


def _decide_again(run: OpenRun, state: Mapping[str, Any]) -> dict[str, Any]:
    # A decision that an extension was there for already stands: a kill after it must not begin the count anew.
    since = run.record.extensions[int(state.get("extended", 0)) :]
    anew = any(extension.changes.keys() & {"rounds", "patience"} for extension in since)
    stale = 0 if anew else int(state.get("stale", 0))
    # The selection may be on the disk as a task's writes only, which an update of the state passes over: so all of
    # it is said again.
    kept = {name: state[name] for name in ("best", "round")}
    return {
        **kept,
        "stale": stale,
        "extended": len(run.record.extensions),
        "ending": decide_ending(state["best"], int(state.get("round", 0)), stale, run.options),
    }


@asynccontextmanager
async def _watched(run: OpenRun) -> AsyncIterator[None]:
    """Watch for stop requests, deadlines and signals while the graph runs."""
    watcher = asyncio.create_task(_watch(run))
    try:
        with draining_on_signals(run):
            yield
    finally:
        watcher.cancel()


async def _watch(run: OpenRun) -> None:
    while True:
        # A write that the disk refuses now is the business of the stage in hand, and no reason to stop watching.
        with suppress(StoreError):
            await _look(run)
        await asyncio.sleep(POLL_S)


async def _look(run: OpenRun) -> None:
    # Stages that end count the clock, too: a write of its own is for those that do not.
    await run.tick(at_least_s=POLL_S)
    if await run.store.stop_requested():
        run.drain("drained", "`peercycle stop` asked for it")
    budget = run.options.budget
    if budget.until is not None and time.time() >= budget.until:
        run.drain("budget", "the time given with --until has come")
    if budget.hours is not None:
        worked = next(line.spent or 0.0 for line in await run.store.spending() if line.name == "hours")
        if worked >= budget.hours * (1 - budget.kept_for_finish):
            run.drain(
                "budget",
                f"budget of hours: {budget.hours:g} hours of work were allowed, and the finish needs the rest",
            )
