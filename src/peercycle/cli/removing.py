"""`peercycle rm`: remove a run."""

from __future__ import annotations

from typing import Annotated

import typer

from peercycle.cli.endings import shown
from peercycle.cli.loops import wait_for
from peercycle.cli.output import print_json, say
from peercycle.cli.parameters import AsJson, RunName, RunsDir


def remove(
    name: RunName,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    runs_dir: RunsDir = None,
    as_json: AsJson = False,
) -> None:
    """Remove a run with everything in it.

    One that is driven is refused.
    """
    from peercycle.cli.configuring import runs_dir as kept_in
    from peercycle.core.errors import RunInUseError, UsageError
    from peercycle.store.directory import find_run, remove_run, run_status

    path = find_run(name, kept_in(runs_dir))
    if run_status(path) == "running":
        raise RunInUseError(f"run {path.name!r} is being driven; `peercycle stop {shown(path)} --wait` first")
    if not yes:
        if as_json:
            raise UsageError("rm --json does not ask; give --yes as well")
        try:
            agreed = typer.confirm(f"remove {path} with everything in it?")
        except typer.Abort:
            raise UsageError("nothing was removed: nobody answered; give --yes where nobody can") from None
        if not agreed:
            say("nothing was removed")
            raise typer.Exit(0)
    wait_for(remove_run(path))
    if as_json:
        print_json({"run_id": path.name, "path": str(path), "removed": True})
    else:
        say(f"removed {path}")
