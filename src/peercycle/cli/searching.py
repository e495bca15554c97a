"""`peercycle search`: the literature at hand, and the sources that are named."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from peercycle.cli.loops import UnansweredError, answer_of
from peercycle.cli.output import print_json, say, warn
from peercycle.cli.parameters import AsJson, SettingOverrides
from peercycle.cli.patience import SHORTEST_QUESTION_S, question_seconds
from peercycle.core.errors import PeercycleError

if TYPE_CHECKING:
    from peercycle.core.literature import Bibliography, Reference
    from peercycle.plugins.manager import Plugins

SHOWN_AUTHORS = 3
SHOWN_CHARACTERS = 200
"""Of a query that nothing fits."""
LOCAL = "local"


def search(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="A few words.")],
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="BibTeX or JSONL files to search.")
    ] = None,
    *,
    source: Annotated[
        list[str] | None,
        typer.Option("--source", metavar="NAME", help="A source; may be repeated.", show_default=LOCAL),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Answers at most.")] = 10,
    set_: SettingOverrides = None,
    as_json: AsJson = False,
    as_bib: Annotated[bool, typer.Option("--bib", help="Print BibTeX.")] = False,
) -> int:
    """Search the literature: files at hand, or the sources named, such as semantic-scholar.

    Without --source nothing is asked of the network: the files are searched, and the corpora that were imported
    (`peercycle literature import`) or are named in `[literature.local]` of peercycle.toml.
    """
    from peercycle.cli import configuring
    from peercycle.core.errors import UsageError

    if as_json and as_bib:
        raise UsageError("--json and --bib are two ways to print the same works; give one of them")
    settings = configuring.read_settings(set_)
    plugins = configuring.load_plugins(settings)
    tables = configuring.component_tables(settings, plugins).get("literature", {})
    works = _read(files or ())
    names = list(dict.fromkeys(source or (LOCAL,)))
    if works and LOCAL not in names:
        names.insert(0, LOCAL)
    if names == [LOCAL] and not works:
        tables = _with_corpora(tables)
    found, faults = answer_of(_ask_all(plugins, tables, names, works, query, limit))
    return _print(query, found, faults, as_json=as_json, as_bib=as_bib)


def _read(files: Sequence[Path]) -> tuple[Reference, ...]:
    from peercycle.agents.literature.local.corpus import read_corpus
    from peercycle.api import read_bibliography

    return tuple(
        work
        for path in files
        for work in (read_corpus(path) if path.suffix.lower() == ".jsonl" else read_bibliography(path)).entries
    )


def _with_corpora(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with what there is to search. Raises `UsageError` where there is nothing."""
    from peercycle.agents.literature.library import corpora
    from peercycle.core.errors import UsageError

    local = tables.get(LOCAL, {})
    if local.get("corpora"):
        return dict(tables)
    if kept := corpora():
        return {**tables, LOCAL: {**local, "corpora": [str(path) for path in kept]}}
    raise UsageError(
        "there is nothing to search: give a file, import a corpus (`peercycle literature import`), or name a source, "
        "such as --source semantic-scholar"
    )


async def _ask_all(
    plugins: Plugins,
    tables: Mapping[str, Any],
    names: Sequence[str],
    works: tuple[Reference, ...],
    query: str,
    limit: int,
) -> tuple[tuple[Reference, ...], list[tuple[str, Exception]]]:
    """Ask every source at once; return the answers fused, and who could not answer."""
    import asyncio

    from peercycle.core.errors import OutageError, PartialAnswerError
    from peercycle.core.literature import Bibliography
    from peercycle.core.sameness import fuse, new_works

    handed = Bibliography(entries=works)
    until = time.monotonic() + question_seconds()
    sources = [(name, *_made(plugins, name, tables.get(name.rpartition(":")[2], {}))) for name in names]
    answers = await asyncio.gather(
        *[_ask_in_time(source, handed, query, limit, None if own else until) for _, source, own in sources],
        return_exceptions=True,
    )
    faults: list[tuple[str, Exception]] = []
    good: list[tuple[Reference, ...]] = []
    for (name, _, _), answer in zip(sources, answers, strict=True):
        if isinstance(answer, PeercycleError):
            faults.append((name, answer))
            if isinstance(answer, PartialAnswerError):
                good.append(answer.found)
        elif isinstance(answer, BaseException):
            raise answer
        else:
            good.append(answer)
    if faults and not good:
        first = faults[0][1]
        if isinstance(first, OutageError):
            raise UnansweredError("; ".join(f"{name} did not answer: {error}" for name, error in faults))
        raise first
    return tuple(new_works(fuse(good, limit), Bibliography())), faults


def _made(plugins: Plugins, name: str, table: Mapping[str, Any]) -> tuple[Any, bool]:
    """Make a source; tell whether its settings say how patient it is."""
    return plugins.create("literature", name, table), "question_s" in table


async def _ask_in_time(
    source: Any, works: Bibliography, query: str, limit: int, until: float | None
) -> tuple[Reference, ...]:
    """Ask, and be done by a moment of the monotonic clock, where it is given.

    A source of ours ends its question by itself, and with what it was told by then; one of somebody's own that asks the
    network and knows no deadline is cut off here.
    """
    import asyncio

    from peercycle.agents.literature.online.deadlines import within
    from peercycle.core.errors import SourceUnavailableError

    if until is None or not getattr(source, "online", False):
        return await _ask(source, works, query, limit)
    left = max(SHORTEST_QUESTION_S, until - time.monotonic())
    knows = hasattr(getattr(source, "settings", None), "question_s")
    try:
        with within(left):
            async with asyncio.timeout(None if knows else left):
                return await _ask(source, works, query, limit)
    except TimeoutError as error:
        if knows or isinstance(error, PeercycleError):
            raise
        raise SourceUnavailableError(f"it gave no answer within {left:.3g} s") from None


async def _ask(source: Any, works: Bibliography, query: str, limit: int) -> tuple[Reference, ...]:
    async with AsyncExitStack() as stack:
        entered = await stack.enter_async_context(source) if hasattr(source, "__aenter__") else source
        await entered.add(works)
        found: tuple[Reference, ...] = await entered.search(query, limit=limit)
        return found


def _print(
    query: str,
    found: Sequence[Reference],
    faults: Sequence[tuple[str, Exception]],
    *,
    as_json: bool,
    as_bib: bool,
) -> int:
    for name, error in faults:
        warn(f"warning: {name} {_how(error)}: {error}")
    if as_json:
        results = [work.model_dump(mode="json", exclude_defaults=True) for work in found]
        missing: dict[str, list[dict[str, str]]] = {}
        for name, error in faults:
            part = "partial" if _is_partial(error) else "unanswered"
            missing.setdefault(part, []).append({"source": name, "message": str(error)})
        print_json({"query": query, "results": results, **missing})
    elif as_bib:
        from peercycle.agents.literature.bibtex import write
        from peercycle.core.literature import Bibliography

        say(write(Bibliography(entries=tuple(found))).rstrip("\n"))
    else:
        for work in found:
            say(line_of(work))
    if not found and not as_json:
        shown = query if len(query) <= SHOWN_CHARACTERS else f"{query[:SHOWN_CHARACTERS]}…"
        say(f"nothing fits {shown!r}", error=True)
    return 0


def _is_partial(error: Exception) -> bool:
    from peercycle.core.errors import PartialAnswerError

    return isinstance(error, PartialAnswerError)


def _how(error: Exception) -> str:
    return "answered in part" if _is_partial(error) else "did not answer"


def line_of(work: Reference) -> str:
    """Return a work on one line."""
    who = ", ".join(work.authors[:SHOWN_AUTHORS]) + (" and others" if len(work.authors) > SHOWN_AUTHORS else "")
    return f"{work.key}: {work.title}" + (f". {who}" if who else "") + (f" ({work.year})" if work.year else "")
