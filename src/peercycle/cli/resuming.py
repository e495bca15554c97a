"""`peercycle resume`: go on with a run, or extend it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from peercycle.cli.loops import wait_for
from peercycle.cli.parameters import AsJson, DisabledPlugins, PluginFiles, RunOrQueue, RunsDir


def resume(
    name: RunOrQueue,
    *,
    rounds: Annotated[int | None, typer.Option(help="Revisions at most, in all.")] = None,
    patience: Annotated[int | None, typer.Option(help="Revisions without gain before it ends.")] = None,
    max_tokens: Annotated[int | None, typer.Option(metavar="N", help="Tokens at most, in all.")] = None,
    max_cost: Annotated[float | None, typer.Option(metavar="MONEY", help="Money at most, in all.")] = None,
    max_hours: Annotated[float | None, typer.Option(metavar="H", help="Hours of work at most, in all.")] = None,
    max_model_calls: Annotated[int | None, typer.Option(metavar="N", help="Model calls at most, in all.")] = None,
    max_sandbox_seconds: Annotated[
        float | None, typer.Option(metavar="S", help="Seconds of experiments at most, in all.")
    ] = None,
    max_requests: Annotated[
        int | None, typer.Option(metavar="N", help="Requests to online sources at most, in all.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="07:00", help="Stop at this time, with a report.")] = None,
    on_outage: Annotated[
        str | None, typer.Option(metavar="stop|continue|wait:2h", help="What to do while a service is down.")
    ] = None,
    accept_changes: Annotated[
        bool, typer.Option("--accept-changes", help="Go on although plugins or settings have changed; recorded.")
    ] = False,
    plugin: PluginFiles = None,
    no_plugin: DisabledPlugins = None,
    parallel: Annotated[
        int | None, typer.Option(min=1, max=256, help="Runs of a queue at the same time.", show_default="8")
    ] = None,
    runs_dir: RunsDir = None,
    as_json: AsJson = False,
) -> int:
    """Go on with a run or a queue, or extend it.

    A run that stopped, waits or crashed goes on where it was; with a limit, one that ended goes on, too. Of a
    queue, every run that has not ended goes on, and every task that has none yet gets its run.
    """
    from peercycle.cli import configuring
    from peercycle.cli.clock import moment
    from peercycle.cli.driving import drive_one
    from peercycle.cli.queue_state import find_queue
    from peercycle.cli.screens import choose_screen
    from peercycle.core.errors import UsageError
    from peercycle.store.directory import find_run, read_run
    from peercycle.store.record import read_record

    folder = configuring.runs_dir(runs_dir)
    limits = {
        "tokens": max_tokens,
        "cost": max_cost,
        "hours": max_hours,
        "model_calls": max_model_calls,
        "sandbox_seconds": max_sandbox_seconds,
        "requests": max_requests,
        "until": None if until is None else moment(until),
    }
    others = {"rounds": rounds, "patience": patience, "on_outage": on_outage}
    if (queue := find_queue(name, folder)) is not None:
        from peercycle.cli.queue_resuming import Extending, resume_queue

        extending = Extending(limits, others, accept_changes, tuple(plugin or ()), tuple(no_plugin or ()))
        return resume_queue(queue, extending, parallel=parallel, as_json=as_json)
    path = find_run(name, folder)
    if parallel is not None:
        raise UsageError(f"--parallel is for a queue of tasks; {path.name} is one run")
    options = read_record(path).options
    changes = changed_options(options, limits, others)
    plugins = configuring.plugins_of(options, plugin, no_plugin)

    async def drive(on_launch: Any) -> Any:
        from peercycle.graphs.driver import resume as go_on

        return await go_on(path, plugins, changes, accept_changes=accept_changes, on_launch=on_launch)

    return drive_one(drive, choose_screen(as_json), plugins, after=wait_for(read_run(path).last_event()))


def changed_options(options: Any, limits: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """Return what a resume changes, checked. A time to stop at that is past is dropped: it has done its work."""
    import time

    from pydantic import ValidationError

    from peercycle.cli.faults import Complaint, said_by
    from peercycle.core.errors import UsageError
    from peercycle.core.runs import RunOptions

    budget = options.budget.model_dump()
    given = {name: value for name, value in limits.items() if value is not None}
    if budget["until"] is not None and budget["until"] <= time.time() and "until" not in given:
        given["until"] = None
    changes = {name: value for name, value in others.items() if value is not None}
    if given:
        changes["budget"] = {**budget, **given}
    try:
        RunOptions.model_validate({**options.model_dump(), **changes})
    except ValidationError as error:
        raise UsageError("; ".join(said_by(Complaint.of(fault)) for fault in error.errors())) from None
    return changes
