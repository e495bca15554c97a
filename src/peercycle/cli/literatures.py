"""`peercycle literature`: what is kept of the literature on this machine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peercycle.cli.eprints import source
from peercycle.cli.output import duration, print_json, print_table, say, warn
from peercycle.cli.parameters import AsJson

if TYPE_CHECKING:
    from peercycle.core.runs import RunOptions

app = typer.Typer(
    no_args_is_help=True, help="Import corpora; fetch a paper's source; look at, or clear, the kept answers."
)
SHOWN_PROBLEMS = 5
app.command("source")(source)


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(metavar="CORPUS.bib|CORPUS.jsonl", help="What to import.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Keep the works of a file, to be searched without it.

    `peercycle search` searches them, and so does a run that starts from a topic alone.
    """
    from peercycle.agents.literature.library import import_corpus
    from peercycle.core.counting import counted

    done = [(file, import_corpus(file)) for file in files]
    if as_json:
        print_json(
            [
                {"file": str(file), "path": str(one.path), "works": one.works, "repeated": one.repeated,
                 "problems": [problem.model_dump(mode="json", exclude_none=True) for problem in one.problems]}
                for file, one in done
            ]
        )  # fmt: skip
        return
    for file, one in done:
        for problem in one.problems[:SHOWN_PROBLEMS]:
            warn(f"warning: {file}: line {problem.line}: {problem.message}")
        if (more := len(one.problems) - SHOWN_PROBLEMS) > 0:
            warn(f"warning: {file}: {more} more problems")
        again = f", {one.repeated} of them given more than once" if one.repeated else ""
        say(f"{counted(one.works, 'work')} of {file} imported{again}: {one.path}")


@app.command()
def cache(
    *,
    stats: Annotated[
        bool, typer.Option("--stats", help="Say what is kept (what happens without an option).")
    ] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Forget every answer.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look at the kept answers of online sources, or forget them."""
    from peercycle.agents.literature.online.kept import KeptAnswers
    from peercycle.agents.literature.places import cache_folder
    from peercycle.core.errors import UsageError

    if stats and clear:
        raise UsageError("--stats and --clear exclude one another")
    answers = KeptAnswers(cache_folder(None))
    try:
        if clear:
            number = answers.clear()
            if as_json:
                print_json({"path": str(answers.path), "cleared": number})
            else:
                say(f"{number} answers forgotten")
            return
        rows = answers.counts()
    finally:
        answers.close()
    if as_json:
        names = ("host", "kind", "answers", "bytes", "oldest")
        print_json({"path": str(answers.path), "kept": [dict(zip(names, row, strict=True)) for row in rows]})
        return
    now = time.time()
    say(f"{sum(row[2] for row in rows)} answers kept in {answers.path}")
    print_table(
        ("host", "kind", "answers", "KiB", "oldest"),
        [(host, kind, str(n), f"{size / 1024:.0f}", duration(now - oldest)) for host, kind, n, size, oldest in rows],
    )


def with_library(options: RunOptions) -> RunOptions:
    """Return the options of a run from a topic alone, with the imported corpora among what it searches.

    They are written into the options, so that the run's record says what was searched.
    """
    from peercycle.agents.literature.library import corpora

    local = options.settings.get("literature", {}).get("local", {})
    kept = [str(path) for path in corpora()]
    if local.get("corpora") or not kept:
        return options
    literature = {**options.settings.get("literature", {}), "local": {**local, "corpora": kept}}
    # `auto` would take a corpus for enough; whoever starts from a topic alone wants what is new, too.
    named = ("local", "semantic-scholar") if options.literature == ("auto",) else options.literature
    return options.model_copy(
        update={"settings": {**options.settings, "literature": literature}, "literature": named}
    )
