"""A body as a whole: tidied, or set verbatim where it is too broken to be mended."""

from __future__ import annotations

import copy
import re
from dataclasses import fields

from peercycle.export.tidy.characters import escape, visible
from peercycle.export.tidy.ledger import Ledger
from peercycle.export.tidy.targets import Target
from peercycle.export.tidy.text import TextWriter, UnbalancedError

_ENDLESS_WORD = re.compile(r"\S{2000}")
_LONG_LINE = re.compile(r"([^\n]{1000}[^\n ]*) ")


def short_lines(text: str) -> str:
    """Return LaTeX in lines that TeX's input buffer holds: it ends a run on one of 200,000 bytes."""
    return _LONG_LINE.sub(r"\1\n", text)


def tidy(source: str, ledger: Ledger, target: Target, *, name: str) -> str:
    """Return a body as LaTeX that compiles; `name` says in remarks what it is."""
    before = copy.deepcopy(ledger)
    clean = visible(source)
    if _ENDLESS_WORD.search(clean):
        ledger.remark(f"{name} holds words of more than 2000 characters; they are cut")
        clean = _ENDLESS_WORD.sub(lambda found: found.group() + "\n", clean)
    try:
        return short_lines(TextWriter(clean, ledger, target).write().strip()) + "\n"
    except UnbalancedError as error:
        for field in fields(Ledger):
            setattr(ledger, field.name, getattr(before, field.name))
        ledger.remark(f"{name} is set verbatim: {error}")
        return verbatim(source, ledger, target)


def tidy_line(source: str, ledger: Ledger, target: Target) -> str:
    """Return a heading, a title or a field as LaTeX on one line."""
    try:
        written = TextWriter(visible(source), ledger, target).write(inline=True)
    except UnbalancedError:
        written = target.characters(escape(visible(source)), ledger.lost, math=False)
    return " ".join(written.split())


def verbatim(source: str, ledger: Ledger, target: Target) -> str:
    """Return a body set as its own source, with a note that says so."""
    shown = target.code(visible(source), ledger.lost)
    return f"\\emph{{This text could not be read as LaTeX and is shown as it was written.}}{shown}"
