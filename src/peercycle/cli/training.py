"""`peercycle train`: the loop from rollouts to a better policy, and one step of it in a process of its own."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peercycle.cli.loop_telling import tell_of_the_end, told
from peercycle.cli.output import print_json, print_table, say, warn
from peercycle.cli.parameters import AsJson, DisabledPlugins, PluginFiles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from peercycle.core.base import JSON
    from peercycle.plugins.manager import Plugins
    from peercycle.plugins.registry import Kind
    from peercycle.trainers.loop.record import LoopRecord
    from peercycle.trainers.loop.settings import LoopSettings

ALL = "all"


def train(
    source: Annotated[
        Path | None, typer.Argument(metavar="LOOP.toml", help="What is trained on what, and judged by whom.")
    ] = None,
    *,
    arm: Annotated[
        list[str] | None,
        typer.Option(help="An arm of the file, or 'all'; may be repeated. One table compares them."),
    ] = None,
    iterations: Annotated[int | None, typer.Option(min=1, help="Iterations at most, over the file's.")] = None,
    loops_dir: Annotated[Path, typer.Option("--loops-dir", metavar="DIR", help="Where loops are kept.")] = Path(
        "loops"
    ),
    policies_dir: Annotated[
        Path | None,
        typer.Option("--policies-dir", metavar="DIR", help="Where policies are kept.", show_default="policies"),
    ] = None,
    plugin: PluginFiles = None,
    no_plugin: DisabledPlugins = None,
    job: Annotated[Path | None, typer.Option("--job", hidden=True)] = None,
    parent: Annotated[int | None, typer.Option("--parent", hidden=True)] = None,
    stay: Annotated[bool, typer.Option("--stay", hidden=True)] = False,
    as_json: AsJson = False,
) -> int:
    """Train a policy on its own reviewed papers, iteration after iteration.

    Sample, review, reward, pair, train, export, evaluate, promote. The same command goes on with a loop that was
    killed. The best policy runs as `peercycle run --policy NAME`.
    """
    from peercycle.core.errors import UsageError

    if stay:
        return _stay(parent, no_plugin or (), plugin or ())
    if job is not None:
        return _work(job, parent)
    if source is None:
        raise UsageError("give a LOOP.toml; docs/how-to/train.md shows one")
    from peercycle.trainers.loop.settings import read_loop

    settings = read_loop(source)
    if iterations is not None:
        settings = settings.model_copy(update={"iterations": iterations})
    files = (*settings.plugins, *(str(Path(name).resolve()) for name in plugin or ()))
    settings = settings.model_copy(update={"plugins": tuple(dict.fromkeys(files))})
    policies = policies_dir if policies_dir is not None else _policies_dir()
    chosen = _arms(settings, arm or ())
    for each in chosen:
        _plugins_of(each, no_plugin or ())
    for each in chosen:
        tell_of_the_end(each, _drive(each, loops_dir, policies, no_plugin or (), as_json), as_json)
    if len(chosen) > 1 or chosen[0].arm is not None:
        _compare(chosen, loops_dir, policies, as_json)
    return 0


def _policies_dir() -> Path:
    from peercycle.cli.configuring import read_settings
    from peercycle.core.runs import RunOptions

    return Path(str(read_settings().run.get("policies_dir", RunOptions().policies_dir)))


def _arms(settings: LoopSettings, names: Sequence[str]) -> list[LoopSettings]:
    from peercycle.core.errors import UsageError
    from peercycle.trainers.loop.settings import choose_arm

    if not names:
        return [settings]
    if ALL in names and not settings.arms:
        raise UsageError("--arm all: the file has no arms")
    wanted = list(settings.arms) if ALL in names else list(dict.fromkeys(names))
    return [choose_arm(settings, name).model_copy(update={"arms": settings.arms}) for name in wanted]


def _drive(
    settings: LoopSettings, loops_dir: Path, policies: Path, disabled: Sequence[str], as_json: bool
) -> LoopRecord:
    from peercycle.trainers.loop.frame import Frame
    from peercycle.trainers.loop.iterating import run_loop
    from peercycle.trainers.loop.processes import StayingSampler
    from peercycle.trainers.loop.record import Place
    from peercycle.trainers.loop.starting import no_own_judge, run_options

    plugins = _plugins_of(settings, disabled)
    options = run_options(settings, settings.start.base)
    frame = Frame(
        settings=settings,
        place=Place.of(settings, loops_dir, policies),
        command=_command,
        disabled=tuple(disabled),
        told=told(settings, as_json),
    )
    # Tasks that are not there are an error, and it is said alone.
    if Path(settings.tasks.file).is_file() and (why := no_own_judge(options)):
        warn(f"warning: {why}: what it promotes may only please it; name another reviewer as judge in [run]")
    versions = plugins.versions()
    if not settings.sample.stay:
        return run_loop(frame, versions)
    frame.place.folder.mkdir(parents=True, exist_ok=True)
    sampler = StayingSampler(_staying(settings, disabled), frame.place.folder / "sampler.log")
    frame.roll = sampler.run
    try:
        return run_loop(frame, versions)
    finally:
        sampler.end()


def _plugins_of(settings: LoopSettings, disabled: Sequence[str]) -> Plugins:
    """Return the plugins of a loop. A wrong name or setting of any step is said here, before anything is sampled."""
    from peercycle.cli.configuring import load_plugins
    from peercycle.graphs.settings import backend_of, component_settings
    from peercycle.plugins.registry import require_settings
    from peercycle.trainers.extras import require_train
    from peercycle.trainers.loop.starting import run_options

    plugins = load_plugins(None, settings.plugins, disabled)
    options = run_options(settings, settings.start.base)
    chosen: list[tuple[Kind, str, Mapping[str, JSON]]] = [
        ("models", *backend_of(choice, options)) for choice in options.models.values()
    ]
    named: list[tuple[Kind, str]] = [
        ("policies", options.policy),
        ("reviewers", options.reviewer),
        ("reviewers", options.judge or options.reviewer),
        ("rewards", options.reward),
    ]
    chosen += [(kind, name, component_settings(options, kind, name)) for kind, name in named]
    trainers = [(settings.train.trainer, settings.train.settings)]
    if settings.warmup is not None:
        trainers.append((settings.warmup.trainer, settings.warmup.settings))
    for name, given in trainers:
        chosen.append(("trainers", name, {"seed": settings.seed, **given}))
        if plugins.find("trainers", name).plugin == "builtin":
            require_train()
    for kind, name, values in chosen:
        require_settings(plugins.find(kind, name), values)
    return plugins


def _command(job: Path) -> Sequence[str]:
    import os

    return [sys.executable, "-m", "peercycle", "train", "--job", str(job), "--parent", str(os.getpid())]


def _staying(settings: LoopSettings, disabled: Sequence[str]) -> list[str]:
    import os

    files = [word for name in settings.plugins for word in ("--plugin", name)]
    without = [word for name in disabled for word in ("-p", name)]
    return [sys.executable, "-m", "peercycle", "train", "--stay", "--parent", str(os.getpid()), *files, *without]


def _stay(parent: int | None, disabled: Sequence[str], files: Sequence[str]) -> int:
    """Be a sampler that stays: a job's path a line on standard input, its exit code a line on standard output."""
    import asyncio
    from collections.abc import AsyncIterator

    from peercycle.plugins.manager import Plugins
    from peercycle.trainers.loop.jobs import die_with_parent
    from peercycle.trainers.loop.staying import stay as work

    if parent is not None:
        die_with_parent(parent)

    async def lines() -> AsyncIterator[Path]:
        while line := await asyncio.to_thread(sys.stdin.readline):
            yield Path(line.strip())

    asyncio.run(work(lines(), Plugins.load(files=files, disabled=disabled), print_json))
    return 0


def _work(path: Path, parent: int | None) -> int:
    """Be a worker: do one job and end."""
    import asyncio

    from peercycle.core.errors import StoreError
    from peercycle.plugins.manager import Plugins
    from peercycle.store.disk import FULL
    from peercycle.trainers.loop.jobs import FULL_DISK, RolloutJob, die_with_parent, read_job

    if parent is not None:
        die_with_parent(parent)
    job = read_job(path)
    plugins = Plugins.load(files=job.plugins, disabled=job.disabled)
    try:
        if isinstance(job, RolloutJob):
            from peercycle.trainers.loop.sampling import sample

            return asyncio.run(sample(job, plugins))
        from peercycle.trainers.loop.training import train as train_one

        return train_one(job, plugins)
    except StoreError as error:
        if FULL not in str(error):
            raise
        # For the log, where that still has room.
        with suppress(OSError):
            say(f"error: {error}", error=True)
        return FULL_DISK


def _compare(chosen: Sequence[LoopSettings], loops_dir: Path, policies: Path, as_json: bool) -> None:
    from peercycle.trainers.loop.arms import HEADS, compare, table_rows

    rows = compare(chosen, loops_dir, policies)
    if as_json:
        print_json({"event": "arms", "arms": [row.model_dump(mode="json") for row in rows]})
        return
    say()
    print_table(HEADS, table_rows(rows))
