"""A manuscript as one LaTeX document: its preamble, its frame, its tidied bodies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from peercycle.core.contracts import Edition
from peercycle.export.bibliography import bibtex, printed_keys
from peercycle.export.disclosing import maker, number_kinds
from peercycle.export.text import plain
from peercycle.export.tidy.body import tidy, tidy_line, verbatim
from peercycle.export.tidy.characters import escape, settable, visible
from peercycle.export.tidy.ledger import Ledger
from peercycle.export.tidy.targets import TexTarget


@dataclass(frozen=True, slots=True)
class TexDocument:
    """A paper in LaTeX, and what was learnt while it was written."""

    tex: str
    bib: str
    shown: tuple[str, ...]
    """Ids of the measurements that it shows."""
    remarks: tuple[str, ...]
    lines: Mapping[int, tuple[int, int]]
    """First and last line of each section in `tex`, from 1, by the section's index."""


def new_ledger(edition: Edition, figures: Mapping[str, str]) -> Ledger:
    """Return an empty ledger for an edition; `figures` are the names of those that exist."""
    return Ledger(keys=printed_keys(edition.bibliography), numbers=number_kinds(edition.results), figures=figures)


def write_document(
    edition: Edition, figures: Mapping[str, str], *, shown_verbatim: frozenset[int] = frozenset()
) -> TexDocument:
    """Return an edition as LaTeX. Sections in `shown_verbatim`, by index, are set as their own source."""
    ledger, target = new_ledger(edition, figures), TexTarget()
    manuscript = edition.manuscript
    title = tidy_line(manuscript.title, ledger, target) or "Untitled"
    abstract = tidy(manuscript.abstract, ledger, target, name="the abstract")
    parts: list[str] = []
    appendix = False
    for index, section in enumerate(manuscript.sections):
        name = f"section {visible(section.heading)[:60]!r}"
        opening = "\\appendix\n" if section.role == "appendix" and not appendix else ""
        appendix = appendix or section.role == "appendix"
        if section.role == "appendix":
            ledger.begin_appendix()
        ledger.heading(0)
        heading = tidy_line(section.heading, ledger, target) or "Untitled"
        body = (
            verbatim(section.body, ledger, target)
            if index in shown_verbatim
            else tidy(section.body, ledger, target, name=name)
        )
        parts.append(f"{opening}\\section{{{heading}}}\n{body}")
    bodies = "\n\x00".join(parts)
    abstract, bodies = (_settle_references(text, ledger) for text in (abstract, bodies))
    cited = [entry for key in ledger.cited if (entry := edition.bibliography.get(key)) is not None]
    bib = bibtex(cited, ledger.keys, ledger, target)
    tex = _frame(edition, title, abstract, bodies, has_works=bool(cited))
    tex, lines = _number_sections(tex, len(parts))
    return TexDocument(tex, bib, tuple(ledger.shown), tuple(ledger.lines()), lines)


def _settle_references(text: str, ledger: Ledger) -> str:
    """Return text in which a reference to nothing says so."""

    def settle(found: re.Match[str]) -> str:
        if found.group(1) in ledger.labels:
            return found.group()
        ledger.remark(f"reference to {found.group(1)!r}, which is defined nowhere")
        return f"{{}}[undefined: \\texttt{{{escape(found.group(1))}}}]"  # the braces: no optional argument

    return re.sub(r"\\(?:eq)?ref\{([^{}]*)\}", settle, text)


def plain_ascii(text: str) -> str:
    """Return text that PDF metadata can hold as readable bytes."""
    flat = " ".join(visible(text).split())
    simple = settable(flat, lambda _: None)
    return re.sub(r"[^ -~]|[\\{}%#&$~^_]", "", re.sub(r"\\[A-Za-z]+\s?", "", simple))


def _frame(edition: Edition, title: str, abstract: str, bodies: str, *, has_works: bool) -> str:
    def set_text(text: str) -> str:
        return settable(escape(" ".join(visible(text).split())), lambda _: None)

    template = files("peercycle.export.templates").joinpath("paper.tex").read_text("utf-8")
    works = "\\bibliographystyle{plainnat}\n\\bibliography{references}\n" if has_works else ""
    values = {
        "DISCLOSURE": set_text(edition.disclosure),
        "DISCLOSURE-COMMENT": " ".join(visible(edition.disclosure).split()),
        "DISCLOSURE-PLAIN": plain_ascii(edition.disclosure),
        "TITLE": title,
        "TITLE-PLAIN": plain_ascii(plain(edition.manuscript.title)),
        "MAKER": set_text(maker(edition.made_by)),
        "MAKER-PLAIN": plain_ascii(maker(edition.made_by)),
        "ABSTRACT": abstract.strip(),
        "SECTIONS": bodies,
        "WORKS": works,
    }
    return re.sub(r"<<([A-Z-]+)>>", lambda found: values[found.group(1)], template)


def _number_sections(tex: str, count: int) -> tuple[str, dict[int, tuple[int, int]]]:
    """Return the document without its marks, and which lines each section is on."""
    lines: dict[int, tuple[int, int]] = {}
    pieces = tex.split("\x00")
    start = 1
    for index, piece in enumerate(pieces):
        end = start + piece.count("\n")
        if index < count:
            first = start if index else start + piece[: max(piece.rfind("%SECTIONS\n"), 0)].count("\n") + 1
            lines[index] = (first, end)
        start = end
    return "".join(pieces), lines
