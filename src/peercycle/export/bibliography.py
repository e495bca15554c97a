"""BibTeX entries of the works that a paper cites, with every field escaped."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from peercycle.core.dollars import formulas
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.naming import Name
from peercycle.export.accents import sortable
from peercycle.export.names import editors_of, has_others, names_of, short_name
from peercycle.export.tidy.body import tidy_line
from peercycle.export.tidy.characters import escape, visible
from peercycle.export.tidy.ledger import Ledger
from peercycle.export.tidy.targets import Target
from peercycle.export.tidy.words import tex_address

_TYPES = frozenset(
    "article book booklet inbook incollection inproceedings manual mastersthesis misc phdthesis proceedings "
    "techreport unpublished".split()
)
_KEPT = ("volume", "number", "pages", "publisher", "edition", "series", "institution", "school", "chapter")
_VENUES = {"article": "journal", "inproceedings": "booktitle", "incollection": "booktitle"}
_EDITED = frozenset(("book", "inbook", "proceedings"))
"""Kinds that BibTeX cites by their editors where they have no author."""
_UNSAFE = re.compile(r"[^A-Za-z0-9:._/+-]+")


def printed_keys(bibliography: Bibliography) -> dict[str, str]:
    """Return each key with the spelling that BibTeX and TeX both take; the first entry of a key counts."""
    printed: dict[str, str] = {}
    taken: set[str] = set()
    for entry in bibliography.entries:
        if entry.key in printed:
            continue
        base = _UNSAFE.sub("-", entry.key).strip("-") or "work"
        name, count = base, 1
        while name.lower() in taken:
            count += 1
            name = f"{base}-{count}"
        taken.add(name.lower())
        printed[entry.key] = name
    return printed


def bibtex(entries: Iterable[Reference], keys: Mapping[str, str], ledger: Ledger, target: Target) -> str:
    """Return a `.bib` file of `entries`, in their order."""
    return "\n".join(_entry(entry, keys[entry.key], ledger, target) for entry in entries)


def _entry(entry: Reference, key: str, ledger: Ledger, target: Target) -> str:
    kind = entry.entry_type if entry.entry_type in _TYPES else "misc"
    lines = [f"  {name} = {{{_countable(value)}}}" for name, value in _fields(entry, kind, ledger, target) if value]
    return f"@{kind}{{{key},\n" + ",\n".join(lines) + "\n}\n"


def _countable(value: str) -> str:
    """Return a field without `\\{` and `\\}`, which BibTeX counts as braces that open and close."""
    return re.sub(
        r"\\([{}\\])",
        lambda found: {"{": "\\ensuremath{\\lbrace}", "}": "\\ensuremath{\\rbrace}"}.get(found[1], found[0]),
        value,
    )


def _fields(entry: Reference, kind: str, ledger: Ledger, target: Target) -> list[tuple[str, str]]:
    def plain(text: str) -> str:
        return target.characters(escape(" ".join(visible(text).split())), ledger.lost, math=False)

    venue = (plain(entry.venue) if entry.venue else "", _VENUES.get(kind, "howpublished"))
    found = [
        ("title", f"{{{title_latex(entry.title, ledger, target)}}}" if entry.title else ""),
        ("author", _persons(names_of(entry), entry, plain)),
        ("editor", _persons(editors_of(entry), entry, plain)),
        ("key", _sort_key(entry, kind, plain)),
        ("year", str(entry.year) if entry.year is not None else ""),
        (venue[1], venue[0]),
    ]
    present = {name for name, value in found if value}
    found += [
        (name, tidy_line(entry.fields[name], ledger, target))
        for name in _KEPT
        if name in entry.fields and name not in present
    ]
    return [*found, ("note", _note(entry, ledger, target))]


def title_latex(title: str, ledger: Ledger, target: Target) -> str:
    """Return a title, its mathematics between dollar signs kept; dollar signs of prices are printed."""

    def plain(text: str) -> str:
        return target.characters(escape(text), ledger.lost, math=False)

    flat = " ".join(visible(title).split())
    parts: list[str] = []
    last = 0
    for formula in formulas(flat):
        parts += (plain(flat[last : formula.start]), tidy_line(f"${formula.inside}$", ledger, target))
        last = formula.end
    return "".join([*parts, plain(flat[last:])])


def _sort_key(entry: Reference, kind: str, plain: Callable[[str], str]) -> str:
    """Return what stands for the author that BibTeX does not find; without it, a work is cited by three letters.

    A field `key` costs the citation its year, so a book that is cited by its editors has none.
    """
    found = names_of(entry) or (editors_of(entry) and kind in _EDITED)
    return "" if found or not entry.title else plain(short_name(entry))


def _persons(persons: Sequence[Name], entry: Reference, plain: Callable[[str], str]) -> str:
    """Return the names as `Family, Jr., Given`: of `Given Family`, BibTeX takes `Åsa` for the `von` of a name."""
    names = [sortable(_author(name, plain)) for name in persons]
    return " and ".join([*names, "others"] if names and has_others(entry) else names)


def _author(name: Name, plain: Callable[[str], str]) -> str:
    if name.whole:
        return f"{{{plain(name.family)}}}"
    parts = (name.family, name.suffix, name.given)
    return ", ".join(_part(plain(part)) for part in parts if part)


def _part(text: str) -> str:
    """Return a part of a name, braced where BibTeX would take it apart."""
    return f"{{{text}}}" if "," in text or " and " in f" {text} ".lower() else text


def address(entry: Reference) -> str | None:
    """Return where a work can be found: its DOI, its arXiv page, or the address it came with."""
    doi, arxiv = entry.ids.get("doi"), entry.ids.get("arxiv")
    if doi and re.fullmatch(r"10\.[0-9]{4,9}/[A-Za-z0-9._;()/:+<>-]+", doi):
        return "https://doi.org/" + doi.replace("<", "%3C").replace(">", "%3E")
    if arxiv and re.fullmatch(r"[A-Za-z.-]*/?[0-9.]+", arxiv):
        return f"https://arxiv.org/abs/{arxiv}"
    if entry.url and re.fullmatch(r"https?://[A-Za-z0-9._~:/?@!&()*+,;=%-]+", entry.url):
        return entry.url
    return None


def _note(entry: Reference, ledger: Ledger, target: Target) -> str:
    where = address(entry)
    if where is None:
        return ""
    shown = where.removeprefix("https://").removeprefix("http://").removeprefix("arxiv.org/abs/")
    label = f"arXiv:{shown}" if where.startswith("https://arxiv.org/") else shown
    return f"\\href{{{tex_address(where)}}}{{{target.characters(escape(label), ledger.lost, math=False)}}}"
