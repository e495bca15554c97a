"""`peercycle sandbox`: what holds on this machine, one program in it, and what dead runs left."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from peercycle.cli import sandbox_images
from peercycle.cli.entering import components, in_first_that_passes, probe_all, reap_all
from peercycle.cli.loops import wait_for, wait_unless_ended
from peercycle.cli.output import print_json, say
from peercycle.cli.parameters import AsJson, SettingOverrides

if TYPE_CHECKING:
    from peercycle.core.sandboxing import ProbeResult

app = typer.Typer(help="Try the sandboxes of this machine.", no_args_is_help=True)
app.command("build")(sandbox_images.build)
app.command("import")(sandbox_images.import_tree)
app.command("prepare")(sandbox_images.prepare)

Backend = Annotated[str | None, typer.Option("--backend", metavar="NAME", help="Which sandbox.", show_default="all")]


@app.command()
def probe(*, backend: Backend = None, set_: SettingOverrides = None, as_json: AsJson = False) -> int:
    """Say which guarantees hold here.

    Each sandbox runs its canaries. Exit code 1 where none holds every guarantee.
    """
    plugins, tables = components(set_)
    results = wait_for(probe_all(plugins, tables, backend))
    if as_json:
        print_json({"sandboxes": [probe_data(result) for result in results]})
    else:
        for result in results:
            for line in probe_lines(result):
                say(line)
        if not results:
            say("no sandbox is installed")
    return 0 if any(result.passed for result in results) else 1


@app.command("exec")
def execute(
    argv: Annotated[list[str], typer.Argument(metavar="-- ARGV…", help="The program and its arguments.")],
    *,
    backend: Annotated[
        str | None,
        typer.Option("--backend", metavar="NAME", help="Which sandbox.", show_default="the first that passes"),
    ] = None,
    limit: Annotated[
        list[str] | None, typer.Option("--limit", metavar="wall_s=5", help="Set a limit; may be repeated.")
    ] = None,
    file: Annotated[
        list[Path] | None, typer.Option("--file", metavar="FILE", help="Lend it a file, read-only; may be repeated.")
    ] = None,
    out: Annotated[
        list[str] | None, typer.Option("--out", metavar="GLOB", help="Collect what it writes; may be repeated.")
    ] = None,
    save: Annotated[Path | None, typer.Option("--save", metavar="DIR", help="Keep what was collected here.")] = None,
    environment: Annotated[
        str, typer.Option(help="What it finds installed: base, scientific, tex or pandoc.")
    ] = "base",
    require: Annotated[
        list[str] | None, typer.Option("--require", metavar="NAME==VERSION", help="Install it too; may be repeated.")
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="NAME=SOURCE", help="Lend a FILE, URL#sha256=… or hf:OWNER/NAME@REVISION."),
    ] = None,
    set_: SettingOverrides = None,
    as_json: AsJson = False,
) -> int:
    """Run one program as an experiment runs.

    Such as `peercycle sandbox exec --file hi.py -- python hi.py`.

    What it writes is shown as it comes. Exit code 0 where it ended well, 1 where it did not, 2 where no sandbox holds.
    """
    import tempfile

    from peercycle.cli.executing import Errand, Live, lending_hint, read_limits, say_result
    from peercycle.cli.materials import read_data
    from peercycle.core.errors import SandboxError
    from peercycle.core.sandboxing import ExecResult

    plugins, tables = components(set_)
    errand = Errand(
        argv=tuple(argv),
        limits=read_limits(limit or ()),
        files=tuple(file or ()),
        outputs=tuple(out or ()),
        environment=environment,
        requirements=tuple(require or ()),
        data=read_data(data or ()),
        save=save,
    )
    live = None if as_json else Live()
    with tempfile.TemporaryDirectory(prefix="peercycle-exec-") as scratch:
        try:
            result = wait_unless_ended(
                in_first_that_passes(plugins, tables, backend, lambda it: errand.run(it, Path(scratch), live))
            )
        except SandboxError as error:
            if not as_json:
                raise
            failed = ExecResult(status="sandbox_error", problem=str(error), duration_s=0, backend=backend or "")
            print_json(failed.model_dump(mode="json"))
            return error.exit_code
    if live is None:
        print_json({**result.model_dump(mode="json"), "guarantees": sorted(result.guarantees)})
    else:
        live.close()
        say_result(result, errand.outputs, save)
        if hint := lending_hint(errand.argv, result.exit_code):
            say(hint, error=True)
    return 0 if result.status == "ok" else 1


@app.command()
def reap(*, backend: Backend = None, set_: SettingOverrides = None, as_json: AsJson = False) -> None:
    """Remove what dead drivers left.

    A sandbox that is not there is noted; named with --backend, it is an error.
    """
    plugins, tables = components(set_)
    removed, absent = wait_for(reap_all(plugins, tables, backend))
    if as_json:
        print_json({"removed": removed, "absent": absent})
        return
    for line in removed or ["nothing was left"]:
        say(line)
    for line in absent:
        say(f"not looked into: {line}", error=True)


def probe_data(result: ProbeResult) -> dict[str, Any]:
    """Return a probe for scripts."""
    return {**result.model_dump(mode="json"), "guarantees": sorted(result.guarantees), "passes": result.passed}


def probe_lines(result: ProbeResult) -> list[str]:
    """Return a probe for people."""
    name = f"{result.backend} {result.version}".strip()
    if not result.available:
        fix = f"\n  mend it with: {result.fix}" if result.fix else ""
        return [f"{name}: does not work here: {result.problem or 'no reason given'}{fix}"]
    lines = [f"{name}: {'passes' if result.passed else 'does not pass'}"]
    for canary in result.canaries:
        detail = f" ({canary.detail})" if canary.detail else ""
        lines.append(f"  {'holds' if canary.passed else 'FAILS'}: {canary.guarantee}{detail}")
        if canary.fix and not canary.passed:
            lines.append(f"    mend it with: {canary.fix}")
    return lines
