"""Entries as they were read to references that manuscripts can cite."""

from __future__ import annotations

from dataclasses import dataclass

from peercycle.agents.literature.bibtex.keys import is_usable, usable_key
from peercycle.agents.literature.bibtex.problems import Problems
from peercycle.agents.literature.bibtex.words import Words, words_of
from peercycle.core.literature import Provenance, Reference
from peercycle.core.naming import family_word

_BIBTEX = (Provenance(source="bibtex"),)


@dataclass(slots=True)
class Entry:
    """One entry: its fields, and the `Abstract:` line that stood before it."""

    entry_type: str
    key: str
    line: int
    fields: dict[str, str]
    abstract: str | None
    recovered: bool


def references_of(entries: list[Entry], problems: Problems) -> tuple[Reference, ...]:
    """Return a reference for each entry, under keys that compile; repeated keys are kept and reported."""
    taken = {entry.key.lower() for entry in entries if is_usable(entry.key)}
    first: dict[str, Entry] = {}
    references: list[Reference] = []
    for entry in entries:
        words = words_of(entry.fields) if entry.fields else Words()
        words["abstract"] = words.get("abstract") or entry.abstract
        if not is_usable(entry.key):
            _replace_key(problems, entry, words.get("authors", ()), words.get("year"), taken)
        earlier = first.setdefault(entry.key.lower(), entry)
        if earlier is not entry:
            message = f"key {entry.key!r} on line {entry.line} repeats the one on line {earlier.line}"
            problems.add_on_line(entry.line, message, key=entry.key, lost=False)
        references.append(
            Reference(
                key=entry.key,
                entry_type=entry.entry_type,
                fields=entry.fields,
                provenance=_BIBTEX,
                recovered=entry.recovered,
                line=entry.line,
                **words,
            )
        )
    return tuple(references)


def _replace_key(
    problems: Problems, entry: Entry, authors: tuple[str, ...], year: int | None, taken: set[str]
) -> None:
    family = family_word(authors[0]) if authors else ""
    key = usable_key(entry.key, family, year, entry.line, taken)
    what = f"key {entry.key[:60]!r} does not compile" if entry.key else "the entry has no key"
    problems.add_on_line(entry.line, f"{what}; {key!r} stands for it", key=key, lost=False)
    taken.add(key.lower())
    entry.key, entry.recovered = key, True
