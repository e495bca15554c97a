"""`peercycle sandbox`: what holds on this machine, one program in it, and what dead runs left."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from peercycle.cli import sandbox_images
from peercycle.cli.loops import wait_for
from peercycle.cli.output import print_json, say
from peercycle.cli.parameters import AsJson, SettingOverrides

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AsyncExitStack

    from peercycle.core.sandboxing import ExecResult, Limits, ProbeResult
    from peercycle.plugins.manager import Plugins

app = typer.Typer(help="Try the sandboxes of this machine.", no_args_is_help=True)
app.command("build")(sandbox_images.build)
app.command("import")(sandbox_images.import_tree)
app.command("prepare")(sandbox_images.prepare)
T = TypeVar("T")

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
    environment: Annotated[str, typer.Option(help="What it finds installed: base, scientific or tex.")] = "base",
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

    from peercycle.cli.executing import Errand, Live, lending_hint
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
            result = wait_for(
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
        _say_result(result, save)
        if hint := lending_hint(errand.argv, result.exit_code):
            say(hint, error=True)
    return 0 if result.status == "ok" else 1


@app.command()
def reap(*, backend: Backend = None, set_: SettingOverrides = None, as_json: AsJson = False) -> None:
    """Remove what dead drivers left.

    A sandbox that is not there is noted; named with --backend, it is an error.
    """
    plugins, tables = components(set_)
    removed, absent = wait_for(_reap_all(plugins, tables, backend))
    if as_json:
        print_json({"removed": removed, "absent": absent})
        return
    for line in removed or ["nothing was left"]:
        say(line)
    for line in absent:
        say(f"not looked into: {line}", error=True)


def components(overrides: list[str] | None) -> tuple[Plugins, dict[str, Any]]:
    """Return the plugins, and the settings of the sandboxes by name."""
    from peercycle.cli import configuring

    settings = configuring.read_settings(overrides)
    plugins = configuring.load_plugins(settings)
    return plugins, configuring.component_tables(settings, plugins).get("sandboxes", {})


def backends(plugins: Plugins, wanted: str | None) -> list[str]:
    """Return the sandboxes to look at, the preferred ones first. Raises `UnknownNameError`."""
    from peercycle.graphs.launch import sandbox_order

    return sandbox_order(plugins) if wanted is None else [plugins.find("sandboxes", wanted).name]


async def entered(stack: AsyncExitStack, plugins: Plugins, tables: dict[str, Any], name: str) -> Any:
    made = plugins.create("sandboxes", name, tables.get(name, {}))
    return await stack.enter_async_context(made) if hasattr(made, "__aenter__") else made


async def probe_all(plugins: Plugins, tables: dict[str, Any], wanted: str | None) -> list[ProbeResult]:
    """Probe the sandboxes to look at, in the order of `backends`, under the settings given for each."""
    from contextlib import AsyncExitStack

    async with AsyncExitStack() as stack:
        made = [await entered(stack, plugins, tables, name) for name in backends(plugins, wanted)]
        return [await sandbox.probe() for sandbox in made]


async def _reap_all(plugins: Plugins, tables: dict[str, Any], wanted: str | None) -> tuple[list[str], list[str]]:
    """Return what was removed, and which sandboxes are not there, each with why.

    All are tried before the first other failure is raised: one that is stuck keeps no other from being cleaned.
    """
    from contextlib import AsyncExitStack

    from peercycle.core.errors import SandboxError, SandboxUnavailableError

    removed: list[str] = []
    absent: list[str] = []
    failures: list[SandboxError] = []
    async with AsyncExitStack() as stack:
        for name in backends(plugins, wanted):
            try:
                removed += await (await entered(stack, plugins, tables, name)).reap()
            except SandboxUnavailableError as error:
                if wanted is not None:
                    raise
                absent.append(f"{name}: {error}")
            except SandboxError as error:
                failures.append(error)
    if failures:
        raise failures[0]
    return removed, absent


async def in_first_that_passes(
    plugins: Plugins, tables: dict[str, Any], wanted: str | None, work: Callable[[Any], Awaitable[T]]
) -> T:
    """Do something with the first sandbox that passes its probe. Raises `SandboxUnavailableError` where none does."""
    from contextlib import AsyncExitStack

    from peercycle.core.errors import SandboxUnavailableError
    from peercycle.graphs.launch import complaint_of

    async with AsyncExitStack() as stack:
        complaints: list[str] = []
        for name in backends(plugins, wanted):
            sandbox = await entered(stack, plugins, tables, name)
            probed = await sandbox.probe()
            if probed.passed:
                return await work(sandbox)
            complaints.append(complaint_of(probed))
        raise SandboxUnavailableError(f"no sandbox passes its probe: {'; '.join(complaints) or 'none is installed'}")


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


def read_limits(pairs: list[str] | tuple[str, ...]) -> Limits:
    """Return limits from `name=value` pairs. Raises `UsageError` naming the nearest limits."""
    from difflib import get_close_matches

    from pydantic import ValidationError

    from peercycle.core.errors import UsageError
    from peercycle.core.sandboxing import Limits

    values: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if name not in Limits.model_fields or not equals:
            near = get_close_matches(name, Limits.model_fields, n=1) or list(Limits.model_fields)
            raise UsageError(f"--limit {pair}: write NAME=VALUE with NAME one of {', '.join(near)}")
        values[name] = value
    try:
        return Limits.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        raise UsageError(f"--limit {fault['loc'][0]}={fault['input']}: {fault['msg'].lower()}") from None


def _say_result(result: ExecResult, save: Path | None) -> None:
    """Say how it ended; what it wrote has been shown."""
    for name, stream in (("standard output", result.stdout), ("standard error", result.stderr)):
        if stream.truncated:
            say(f"{name} was cut: {stream.total_bytes} bytes came, which is over the limit", error=True)
    ended = f"exit code {result.exit_code}" if result.exit_code is not None else f"signal {result.signal}"
    memory = f", {result.peak_memory_mb:.0f} MB at most" if result.peak_memory_mb is not None else ""
    say(f"{result.status}: {ended} after {result.duration_s:.2f} s{memory}, in {result.backend}", error=True)
    for kept in result.outputs:
        where = f"in {save / kept.path}" if save is not None else "not kept: give --save DIR"
        say(f"collected {kept.path}: {kept.size} bytes, {where}, {kept.artifact}", error=True)
    for reason in result.refused:
        say(f"not collected: {reason}", error=True)
