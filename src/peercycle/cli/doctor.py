"""`peercycle doctor`: what works on this machine, and the command that mends what does not."""

from __future__ import annotations

from typing import Annotated

import typer

from peercycle.cli.loops import wait_for
from peercycle.cli.output import print_json, say
from peercycle.cli.parameters import AsJson, RunsDir


def doctor(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out the sandboxes, which take seconds.")] = False,
    runs_dir: RunsDir = None,
    as_json: AsJson = False,
) -> int:
    """Say what works here, and what mends the rest.

    Exit code 1 where a run could not start.
    """
    from peercycle.cli.configuring import read_settings
    from peercycle.cli.configuring import runs_dir as kept_in
    from peercycle.cli.machine import examine

    settings = read_settings()
    findings = wait_for(examine(kept_in(runs_dir, settings), settings, sandboxes=not quick))
    if as_json:
        print_json(
            {"ok": not any(f.needed and not f.ok for f in findings), "findings": [f.as_json() for f in findings]}
        )
    else:
        for finding in findings:
            for line in finding.lines():
                say(line)
    return 1 if any(finding.needed and not finding.ok for finding in findings) else 0
