"""`peercycle report` and `peercycle replay`: the account of a run, written again; the run, made again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from peercycle.cli.loops import wait_for
from peercycle.cli.output import print_json, say
from peercycle.cli.parameters import AsJson, DisabledPlugins, PluginFiles, RunName, RunOrQueue, RunsDir


def report(name: RunOrQueue, *, runs_dir: RunsDir = None, as_json: AsJson = False) -> None:
    """Write the report of a run or a queue again.

    It is made of what the run keeps, also while it is driven; the places of its files are printed.
    """
    from peercycle.cli.configuring import runs_dir as kept_in
    from peercycle.cli.queue_report import QueueReport
    from peercycle.cli.queue_state import find_queue
    from peercycle.store.directory import find_run

    if (queue := find_queue(name, kept_in(runs_dir))) is not None:
        QueueReport.reopen(queue).write_reports()
        names = ("report.md", "report.json")
        if as_json:
            print_json({"queue": str(queue), "files": [str(queue / file) for file in names]})
        for file in () if as_json else names:
            say(str(queue / file))
        return
    path = find_run(name, kept_in(runs_dir))
    files = wait_for(rebuild(path))
    if as_json:
        print_json({"run_id": path.name, "path": str(path), "files": [str(path / file) for file in files]})
        return
    for file in files:
        say(str(path / file))


async def rebuild(path: Path) -> tuple[str, ...]:
    """Write `report.*` of a run and return their names, the one for people first."""
    from peercycle.export.report import write_report
    from peercycle.graphs.publish import write_file
    from peercycle.store.directory import read_run

    files = await write_report(read_run(path))
    for name, body in files.items():
        write_file(path, name, body)
    return tuple(sorted(files, key=lambda name: (not name.endswith(".html"), not name.endswith(".md"), name)))


def replay(
    name: RunName,
    *,
    keep: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep the new run in this folder.")] = None,
    plugin: PluginFiles = None,
    no_plugin: DisabledPlugins = None,
    runs_dir: RunsDir = None,
    as_json: AsJson = False,
) -> int:
    """Make a run again from its journal, and compare.

    Models, network and sandbox are refused. Exit code 1 where anything came out otherwise.
    """
    from peercycle.cli import configuring
    from peercycle.core.counting import counted
    from peercycle.graphs.replay import replay as again
    from peercycle.store.directory import find_run
    from peercycle.store.record import read_record

    path = find_run(name, configuring.runs_dir(runs_dir))
    plugins = configuring.plugins_of(read_record(path).options, plugin, no_plugin)
    found = wait_for(again(path, plugins, keep=keep))
    if as_json:
        print_json(
            {
                "run_id": found.run_id,
                "path": str(path),
                "versions": found.versions,
                "effects": found.effects,
                "differences": list(found.differences),
            }
        )
    else:
        for line in found.differences:
            say(line)
        otherwise = f"{counted(len(found.differences), 'artefact')} came out otherwise"
        same = otherwise if found.differences else "every artefact is the same"
        made, answered = counted(found.versions, "version"), counted(found.effects, "journalled effect")
        say(f"replayed {made} from {answered}: {same}")
    return 1 if found.differences else 0
