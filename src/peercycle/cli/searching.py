"""`peercycle search`: the literature at hand."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from peercycle.cli.loops import wait_for
from peercycle.cli.output import print_json, say
from peercycle.cli.parameters import AsJson, SettingOverrides

if TYPE_CHECKING:
    from peercycle.core.literature import Reference

SHOWN_AUTHORS = 3


def search(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="A few words.")],
    *,
    bib: Annotated[
        list[Path] | None, typer.Option("--bib", metavar="FILE", help="A BibTeX file to search; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Answers at most.")] = 10,
    set_: SettingOverrides = None,
    as_json: AsJson = False,
) -> None:
    """Search bibliographies.

    The corpora named in `[literature.local]` of peercycle.toml are searched, too.
    """
    from peercycle.api import read_bibliography
    from peercycle.cli import configuring
    from peercycle.core.errors import UsageError
    from peercycle.core.literature import Bibliography

    settings = configuring.read_settings(set_)
    plugins = configuring.load_plugins(settings)
    tables = configuring.component_tables(settings, plugins).get("literature", {}).get("local", {})
    if not bib and not tables.get("corpora"):
        raise UsageError("there is nothing to search: give --bib FILE, or set literature.local.corpora")
    works = [work for path in bib or () for work in read_bibliography(path).entries]
    source = plugins.create("literature", "local", tables)
    found = wait_for(_ask(source, Bibliography(entries=tuple(works)), query, limit))
    if as_json:
        print_json(
            {"query": query, "results": [work.model_dump(mode="json", exclude_defaults=True) for work in found]}
        )
        return
    for work in found:
        say(line_of(work))
    if not found:
        say(f"nothing fits {query!r}", error=True)


async def _ask(source: Any, works: Any, query: str, limit: int) -> tuple[Reference, ...]:
    async with AsyncExitStack() as stack:
        entered = await stack.enter_async_context(source) if hasattr(source, "__aenter__") else source
        await entered.add(works)
        found: tuple[Reference, ...] = await entered.search(query, limit=limit)
        return found


def line_of(work: Reference) -> str:
    """Return a work on one line."""
    who = ", ".join(work.authors[:SHOWN_AUTHORS]) + (" and others" if len(work.authors) > SHOWN_AUTHORS else "")
    return f"{work.key}: {work.title}" + (f". {who}" if who else "") + (f" ({work.year})" if work.year else "")
