"""`peercycle rm`: remove a run, or the folder of a queue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from peercycle.cli.endings import shown
from peercycle.cli.loops import wait_for
from peercycle.cli.output import print_json, say
from peercycle.cli.parameters import AsJson, RunOrQueue, RunsDir


def remove(
    name: RunOrQueue,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    runs_dir: RunsDir = None,
    as_json: AsJson = False,
) -> None:
    """Remove a run with everything in it, or a queue's report and tasks; a queue's runs stay.

    One that is driven is refused.
    """
    from peercycle.cli.configuring import runs_dir as kept_in
    from peercycle.cli.queue_state import find_queue
    from peercycle.store.directory import find_run, remove_run
    from peercycle.store.runs import remove_folder

    folder = kept_in(runs_dir)
    queue = find_queue(name, folder)
    path = find_run(name, folder) if queue is None else queue
    _require_idle(path, is_queue=queue is not None)
    if not yes:
        _agree(path, "with its report; its runs stay" if queue is not None else "with everything in it", as_json)
    if queue is not None:
        remove_folder(queue)
    else:
        wait_for(remove_run(path))
    if as_json:
        print_json({"run_id" if queue is None else "queue": path.name, "path": str(path), "removed": True})
    else:
        say(f"removed {path}")


def _require_idle(path: Path, *, is_queue: bool) -> None:
    from peercycle.cli.queue_state import driver_of
    from peercycle.core.errors import RunInUseError
    from peercycle.store.directory import run_status

    if (driver_of(path) is not None) if is_queue else run_status(path) == "running":
        what = "queue" if is_queue else "run"
        raise RunInUseError(f"{what} {path.name!r} is being driven; `peercycle stop {shown(path)} --wait` first")


def _agree(path: Path, what: str, as_json: bool) -> None:
    """Ask, and end the command where the answer is no."""
    from peercycle.core.errors import UsageError

    if as_json:
        raise UsageError("rm --json does not ask; give --yes as well")
    try:
        agreed = typer.confirm(f"remove {path} {what}?")
    except typer.Abort:
        raise UsageError("nothing was removed: nobody answered; give --yes where nobody can") from None
    if not agreed:
        say("nothing was removed")
        raise typer.Exit(0)
