"""`peercycle logs`: a run's log."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peercycle.cli.loops import wait_for
from peercycle.cli.output import print_json, say
from peercycle.cli.parameters import AsJson, RunName, RunsDir

if TYPE_CHECKING:
    from peercycle.core.events import RunEvent


def logs(
    name: RunName,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until nobody drives the run.")] = False,
    stage: Annotated[str | None, typer.Option(help="Only this stage.")] = None,
    candidate: Annotated[str | None, typer.Option(help="Only this candidate.")] = None,
    runs_dir: RunsDir = None,
    as_json: AsJson = False,
) -> None:
    """Print a run's log, oldest line first."""
    from peercycle.cli.configuring import runs_dir as kept_in
    from peercycle.store.directory import find_run

    path = find_run(name, kept_in(runs_dir))
    wait_for(_print(path, follow, stage, candidate, as_json))


async def _print(path: Path, go_on: bool, stage: str | None, candidate: str | None, as_json: bool) -> None:
    from peercycle.cli.following import lines_of

    stages: set[str] = set()
    candidates: set[str] = set()
    async for event in lines_of(path, go_on=go_on):
        stages.add(event.stage or "")
        candidates.add(event.candidate or "")
        if stage not in (None, event.stage) or candidate not in (None, event.candidate):
            continue
        if as_json:
            from peercycle.cli.screens import event_line

            print_json(event_line(event))
        else:
            say(_text(event))
    _require_met("stage", stage, stages)
    _require_met("candidate", candidate, candidates)


def _require_met(what: str, wanted: str | None, met: set[str]) -> None:
    """Raise `UsageError` where a log names nothing of what it was asked for."""
    from peercycle.core.errors import UsageError

    if wanted is not None and wanted not in met:
        raise UsageError(f"the log names no {what} {wanted!r}; it names: {', '.join(sorted(met - {''})) or 'none'}")


def _text(event: RunEvent) -> str:
    from peercycle.cli.screens import event_text

    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(event.at))}  {event_text(event)}"
