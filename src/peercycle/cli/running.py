"""`peercycle run`: one topic, or a queue of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from peercycle.cli.parameters import AsJson, DisabledPlugins, ModelRoles, PluginFiles, RunsDir, SettingOverrides


def run(
    ctx: typer.Context,
    source: Annotated[
        Path | None,
        typer.Argument(metavar="REFS.bib|TASKS.jsonl", help="What to start from, or a queue of tasks, one a line."),
    ] = None,
    *,
    topic: Annotated[str | None, typer.Option(help="What the paper shall be about, in a few words.")] = None,
    policy: Annotated[str | None, typer.Option(help="Who writes.", show_default="auto")] = None,
    reviewer: Annotated[str | None, typer.Option(help="Who reviews, and steers.", show_default="rubric")] = None,
    judge: Annotated[str | None, typer.Option(help="Who judges the end, and steers nothing.")] = None,
    reward: Annotated[
        str | None, typer.Option(help="What candidates are compared by.", show_default="mean-rating")
    ] = None,
    literature: Annotated[
        list[str] | None,
        typer.Option(
            "--literature", metavar="NAME", help="A source to search beside what is given.", show_default="auto"
        ),
    ] = None,
    candidates: Annotated[int | None, typer.Option(help="Drafts side by side.", show_default="3")] = None,
    curve: Annotated[
        bool, typer.Option("--curve", help="Say what the best of 1, 2, … drafts is worth, by reward and judge.")
    ] = False,
    rounds: Annotated[int | None, typer.Option(help="Revisions at most.", show_default="2")] = None,
    patience: Annotated[
        int | None, typer.Option(help="Revisions without gain before it ends.", show_default="1")
    ] = None,
    runs_dir: RunsDir = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.", show_default="0")] = None,
    run_id: Annotated[str | None, typer.Option("--run-id", metavar="ID", help="Name the run.")] = None,
    max_tokens: Annotated[int | None, typer.Option(metavar="N", help="Tokens at most.")] = None,
    max_cost: Annotated[float | None, typer.Option(metavar="MONEY", help="Money at most; needs prices.")] = None,
    max_hours: Annotated[float | None, typer.Option(metavar="H", help="Hours of work at most.")] = None,
    max_model_calls: Annotated[int | None, typer.Option(metavar="N", help="Model calls at most.")] = None,
    max_sandbox_seconds: Annotated[
        float | None, typer.Option(metavar="S", help="Seconds of experiments at most.")
    ] = None,
    max_requests: Annotated[int | None, typer.Option(metavar="N", help="Requests to online sources at most.")] = None,
    until: Annotated[str | None, typer.Option(metavar="07:00", help="Stop at this time, with a report.")] = None,
    on_outage: Annotated[
        str | None,
        typer.Option(
            metavar="stop|continue|wait:2h", help="What to do while a service is down.", show_default="stop"
        ),
    ] = None,
    experiments: Annotated[
        str | None, typer.Option(metavar="auto|run|simulate|off", help="Experiments.", show_default="auto")
    ] = None,
    sandbox: Annotated[str | None, typer.Option(help="Where experiments run.", show_default="auto")] = None,
    guarantee: Annotated[
        list[str] | None,
        typer.Option(
            "--guarantee", metavar="NAME", help="What the sandbox must hold; may be repeated.", show_default="all"
        ),
    ] = None,
    experiment: Annotated[
        Path | None, typer.Option(metavar="STUDY.py", help="A study of your own, repeated over seeds.")
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", metavar="FILE", help="A file that the study reads; may be repeated."),
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="The language model, BACKEND/MODEL.")] = None,
    model_role: ModelRoles = None,
    set_: SettingOverrides = None,
    plugin: PluginFiles = None,
    no_plugin: DisabledPlugins = None,
    parallel: Annotated[
        int | None, typer.Option(min=1, max=256, help="Runs of a queue at the same time.", show_default="8")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Run a queue without the lines that are no tasks.")
    ] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return once the run has begun; it goes on alone.")
    ] = False,
    queue_id: Annotated[str | None, typer.Option("--queue-id", hidden=True)] = None,
    as_json: AsJson = False,
) -> int:
    """Write a paper on a topic, or one for each task.

    Search, draft, experiment, review, revise.

    With TASKS.jsonl, run one task a line; see `docs/how-to/many-tasks.md` for what a line may hold.
    """
    from peercycle.cli import configuring
    from peercycle.cli.asking import Asked
    from peercycle.cli.clock import moment

    settings = configuring.read_settings(set_, model, model_role)
    plugins = configuring.load_plugins(settings, plugin, no_plugin)
    flags: dict[str, Any] = {
        "policy": policy,
        "reviewer": reviewer,
        "judge": judge,
        "reward": reward,
        "candidates": candidates,
        "curve": curve or None,
        "rounds": rounds,
        "patience": patience,
        "runs_dir": None if runs_dir is None else str(runs_dir),
        "seed": seed,
        "run_id": run_id,
        "tokens": max_tokens,
        "cost": max_cost,
        "hours": max_hours,
        "model_calls": max_model_calls,
        "sandbox_seconds": max_sandbox_seconds,
        "requests": max_requests,
        "literature": ("local", *literature) if literature else None,
        "until": None if until is None else moment(until),
        "on_outage": on_outage,
        "experiments": experiments,
        "sandbox": sandbox,
        "guarantees": tuple(guarantee or ()),
        "plugins": plugin or (),
        "disabled_plugins": no_plugin or (),
    }
    options = configuring.choose_options(flags, settings, plugins)
    if source is None:
        from peercycle.cli.literatures import with_library

        options = with_library(options)
    asked = Asked(
        source=source,
        topic=topic,
        experiment=experiment,
        data=tuple(data or ()),
        options=options,
        plugins=plugins,
        parallel=parallel,
        queue_id=queue_id,
        as_json=as_json,
        skip_bad=skip_bad,
    )
    return asked.detach(ctx.obj) if detach else asked.run()
