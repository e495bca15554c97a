"""The cycle from Python: the functions that `import peercycle` offers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from peercycle.core.literature import Bibliography
    from peercycle.core.writing import ResearchTask
    from peercycle.graphs.many import Outcome
    from peercycle.graphs.result import RunResult
    from peercycle.plugins.manager import Plugins

T = TypeVar("T")


def read_bibliography(source: str | Path) -> Bibliography:
    """Read BibTeX: the file at a path, or the text itself where it holds an `@` or a line break.

    Raises `BadInputError` where the file is missing, binary, or holds no usable entry.
    """
    from peercycle.agents.literature import bibtex
    from peercycle.core.errors import BadInputError

    text, named = str(source), "the text"
    if isinstance(source, Path) or not ("@" in text or "\n" in text):
        named = repr(text)
        text = _read_text(Path(source), "a BibTeX file with at least one entry")
    bibliography = bibtex.read(text)
    if not bibliography.entries:
        first = f": line {p.line}: {p.message}" if (p := next(iter(bibliography.problems), None)) else ""
        raise BadInputError(
            f"{named} holds no usable BibTeX entry{first}; an entry looks like @article{{key, title = {{…}}}}"
        )
    return bibliography


def _read_text(path: Path, wanted: str) -> str:
    from peercycle.core.errors import BadInputError

    try:
        body = path.read_bytes()
    except OSError as error:
        raise BadInputError(f"cannot read {str(path)!r}: {error.strerror}") from None
    if not body.strip():
        raise BadInputError(f"{str(path)!r} is empty; give {wanted}")
    if b"\0" in body[:4096]:
        raise BadInputError(f"{str(path)!r} is binary; give {wanted}")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def make_task(
    topic: str,
    bibliography: str | Path | Bibliography | None = None,
    *,
    experiment: str | Path | None = None,
    data: Iterable[str | Path] = (),
    notes: str = "",
) -> ResearchTask:
    """Return a task: a topic, what to start from, and perhaps a study of the user's own with its data."""
    from peercycle.core.errors import BadInputError
    from peercycle.core.literature import Bibliography as Works
    from peercycle.core.writing import ResearchTask as Task
    from peercycle.core.writing import UserStudy

    _require_kind("topic", topic, str, "a few words")
    _require_kind("bibliography", bibliography, str | Path | Works | None, "a path, BibTeX text or a Bibliography")
    _require_kind("experiment", experiment, str | Path | None, "the path of a Python program")
    if not topic.strip():
        raise BadInputError("the topic is empty; say in a few words what the paper shall be about")
    works = (
        bibliography
        if isinstance(bibliography, Works)
        else read_bibliography(bibliography)
        if bibliography
        else Works()
    )
    study = None
    if experiment is not None:
        script = _read_text(Path(experiment), "a Python program that writes results.json")
        study = UserStudy(name=Path(experiment).stem, script=script, data=_data_specs([Path(path) for path in data]))
    return Task(topic=topic.strip(), bibliography=works, study=study, notes=notes)


def _require_kind(name: str, value: object, kind: Any, wanted: str) -> None:
    from peercycle.core.errors import UsageError

    if not isinstance(value, kind):
        raise UsageError(f"{name} is {value!r}, of type {type(value).__name__}; give {wanted}")


def _data_specs(paths: Sequence[Path]) -> tuple[Any, ...]:
    from peercycle.core.errors import UsageError

    names = [path.name for path in paths]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(
            f"two data files are called {doubled[0]!r}; a study sees them by name only, as data/{doubled[0]}"
        )
    return tuple(_data_spec(path) for path in paths)


def _data_spec(path: Path) -> Any:
    import hashlib

    from peercycle.core.errors import BadInputError
    from peercycle.core.sandboxing import DataSpec

    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise BadInputError(f"cannot read the data file {str(path)!r}: {error.strerror}") from None
    return DataSpec(name=path.name, kind="path", source=str(path.resolve()), sha256=digest)


async def aresearch(
    topic: str,
    bibliography: str | Path | Bibliography | None = None,
    *,
    experiment: str | Path | None = None,
    data: Iterable[str | Path] = (),
    plugins: Plugins | None = None,
    **options: Any,
) -> RunResult:
    """Run the cycle on one topic and return what it came to. `options` are the fields of `RunOptions`.

    Raises a `PeercycleError` only where nothing was begun; a run that fails says so in `.status` and `.message`.
    """
    from peercycle.graphs.driver import start

    task = make_task(topic, bibliography, experiment=experiment, data=data)
    chosen = _options(options)
    async with _loaded(plugins, options) as ready:
        return await start(task, chosen, ready)


async def aresearch_many(
    tasks: Sequence[ResearchTask | Mapping[str, Any]],
    *,
    parallel: int = 8,
    plugins: Plugins | None = None,
    **options: Any,
) -> tuple[Outcome, ...]:
    """Run many tasks in this process; one failure never ends the queue.

    A task is a `ResearchTask`, or the arguments of `aresearch` as a mapping.
    """
    from peercycle.core.writing import ResearchTask as Task
    from peercycle.graphs.many import start_many

    shared = _options(options)
    made = [task if isinstance(task, Task) else make_task(**task) for task in tasks]
    async with _loaded(plugins, options) as ready:
        return await start_many([(task, shared) for task in made], ready, parallel=parallel)


def research(
    topic: str,
    bibliography: str | Path | Bibliography | None = None,
    *,
    experiment: str | Path | None = None,
    data: Iterable[str | Path] = (),
    plugins: Plugins | None = None,
    **options: Any,
) -> RunResult:
    """Run the cycle on one topic, and wait for it; also where an event loop is running, as in a notebook."""
    return _wait_for(aresearch(topic, bibliography, experiment=experiment, data=data, plugins=plugins, **options))


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


def _options(given: Mapping[str, Any]) -> Any:
    from pydantic import ValidationError

    from peercycle.core.errors import UsageError
    from peercycle.core.runs import RunOptions

    try:
        return RunOptions.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] != "extra_forbidden":
            raise UsageError(f"option {name!r}: {first['msg'][0].lower()}{first['msg'][1:]}") from None
        raise UsageError(
            f"there is no option {name!r}; RunOptions has: {', '.join(RunOptions.model_fields)}"
        ) from None


@asynccontextmanager
async def _loaded(given: Plugins | None, options: Mapping[str, Any]) -> AsyncIterator[Plugins]:
    """Yield the caller's plugins; without any, the installed ones, whose threads end with the run."""
    from peercycle.plugins.manager import Plugins as Manager

    if given is not None:
        yield given
        return
    own = Manager.load(disabled=options.get("disabled_plugins", ()))
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
