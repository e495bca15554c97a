"""The cycle from Python: the functions that `import peercycle` offers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from peercycle.api.tasks import make_task, read_bibliography

if TYPE_CHECKING:
    from peercycle.core.literature import Bibliography
    from peercycle.core.runs import RunOptions
    from peercycle.core.writing import ResearchTask
    from peercycle.graphs.many import Outcome
    from peercycle.graphs.result import RunResult
    from peercycle.plugins.manager import Plugins

    GivenPlugins = Plugins | Iterable[str | Path] | None

__all__ = [
    "aresearch",
    "aresearch_many",
    "build_graph",
    "make_graph",
    "make_task",
    "read_bibliography",
    "research",
]

T = TypeVar("T")


async def aresearch(
    topic: str,
    bibliography: str | Path | Bibliography | None = None,
    *,
    experiment: str | Path | None = None,
    data: Iterable[str | Path] = (),
    plugins: GivenPlugins = None,
    **options: Any,
) -> RunResult:
    """Run the cycle on one topic and return what it came to. `options` are the fields of `RunOptions`.

    `plugins`: files to load beside the installed plugins, which the run keeps for its resume; or a manager, which
    stands for all of them. The running loop is never held up for the disk, so that it may be a server's.

    Raises a `PeercycleError` only where nothing was begun; a run that fails says so in `.status` and `.message`.
    """
    make = partial(make_task, topic, bibliography, experiment=experiment, data=data)
    return await _aresearch(make, plugins, options, in_loop=False)


async def _aresearch(
    make: Callable[[], ResearchTask], plugins: GivenPlugins, options: Mapping[str, Any], *, in_loop: bool
) -> RunResult:
    driver = await _imported("peercycle.graphs.driver")
    task = await asyncio.to_thread(make)
    chosen, manager = await asyncio.to_thread(_options, plugins, options)
    async with _loaded(manager, chosen) as ready:
        result: RunResult = await driver.start(task, chosen, ready, in_loop=in_loop)
        return result


async def aresearch_many(
    tasks: Sequence[ResearchTask | Mapping[str, Any]],
    *,
    parallel: int = 8,
    plugins: GivenPlugins = None,
    **options: Any,
) -> tuple[Outcome, ...]:
    """Run many tasks in this process; one failure never ends the queue.

    A task is a `ResearchTask`, or the arguments of `aresearch` as a mapping; `plugins` as in `aresearch`.
    """
    many = await _imported("peercycle.graphs.many")
    made = await asyncio.to_thread(_tasks, tasks)
    shared, manager = await asyncio.to_thread(_options, plugins, options)
    async with _loaded(manager, shared) as ready:
        jobs = [(task, shared) for task in made]
        outcomes: tuple[Outcome, ...] = await many.start_many(jobs, ready, parallel=parallel, in_loop=False)
        return outcomes


def _tasks(given: Sequence[ResearchTask | Mapping[str, Any]]) -> list[ResearchTask]:
    from peercycle.core.writing import ResearchTask as Task

    return [task if isinstance(task, Task) else make_task(**task) for task in given]


async def _imported(name: str) -> Any:
    """Import a module in a thread: what it imports looks at the disk, for which a server's loop must not wait."""
    return await asyncio.to_thread(import_module, name)


def research(
    topic: str,
    bibliography: str | Path | Bibliography | None = None,
    *,
    experiment: str | Path | None = None,
    data: Iterable[str | Path] = (),
    plugins: GivenPlugins = None,
    **options: Any,
) -> RunResult:
    """Run the cycle on one topic, and wait for it; also where an event loop is running, as in a notebook.

    Arguments as of `aresearch`.
    """
    make = partial(make_task, topic, bibliography, experiment=experiment, data=data)
    return _wait_for(_aresearch(make, plugins, options, in_loop=True))


def build_graph(plugins: Plugins | None = None, *, checkpointer: Any = None) -> Any:
    """Return the cycle as a compiled LangGraph, for a program of your own.

    Input: `topic`, `bibliography` (BibTeX text, a path, or a `Bibliography`), `study`, `notes`. Context:
    `peercycle.RunOptions`, every field with a default. Each run leaves a journalled run directory.
    """
    from peercycle.graphs.cycle import build_graph as build

    return build(plugins, checkpointer=checkpointer, read_bibliography=read_bibliography)


def make_graph() -> Any:
    """Return the graph for a LangGraph server, as `langgraph.json` names it: the server brings the checkpointer."""
    return build_graph()


def _options(plugins: GivenPlugins, given: Mapping[str, Any]) -> tuple[RunOptions, Plugins | None]:
    """Return the options, with the plugin files that were given, and the manager where that was given instead."""
    from pydantic import ValidationError

    from peercycle.core.complaints import complaint_of, uncapitalised
    from peercycle.core.errors import UsageError
    from peercycle.core.nearest import did_you_mean
    from peercycle.core.runs import RunOptions
    from peercycle.plugins.manager import Plugins as Manager

    manager = plugins if isinstance(plugins, Manager) else None
    if manager is not None and given.get("disabled_plugins"):
        raise UsageError("disabled_plugins does nothing to a manager; give it to Plugins.load(disabled=…) instead")
    files = () if plugins is None or isinstance(plugins, Manager) else _files(plugins)
    try:
        return RunOptions.model_validate({**given, "plugins": files}), manager
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] != "extra_forbidden":
            raise UsageError(f"option {name!r}: {uncapitalised(complaint_of(first))}") from None
        fields = list(RunOptions.model_fields)
        near = did_you_mean(name, fields) or f"; RunOptions has: {', '.join(fields)}"
        raise UsageError(f"there is no option {name!r}{near}") from None


def _files(given: Iterable[str | Path]) -> tuple[str, ...]:
    from peercycle.core.errors import UsageError

    listed = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    for each in listed:
        if not isinstance(each, str | Path) or isinstance(given, str):
            raise UsageError(f"plugins is {given!r}; give a list of plugin files, or Plugins.load(…)")
    # Whole paths: the run may be resumed from elsewhere.
    return tuple(str(Path(each).resolve()) for each in listed)


@asynccontextmanager
async def _loaded(given: Plugins | None, options: RunOptions) -> AsyncIterator[Plugins]:
    """Yield the caller's plugins; without any, the installed ones and the options' files, closed after the run."""
    from peercycle.plugins.manager import Plugins as Manager

    if given is not None:
        yield given
        return
    own = await asyncio.to_thread(Manager.load, files=options.plugins, disabled=options.disabled_plugins)
    try:
        yield own
    finally:
        await own.close()


def _wait_for(work: Coroutine[Any, Any, T]) -> T:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    # A loop is running in this thread, which cannot wait for another: the run gets a thread and a loop of its own.
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            failure.append(error)

    thread = threading.Thread(target=run, name="peercycle-research")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]
