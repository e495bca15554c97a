"""Works of the literature, and what was wrong with the file they came from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from peercycle.core.base import Record, Word


class Provenance(Word):
    """Where a reference's fields came from."""

    source: str
    """A literature source's name, or `bibtex`, `jsonl`."""
    fetched_at: str | None = None
    """UTC time of the fetch, ISO 8601; none for a local file."""


class Reference(Word):
    """One work, under the key that manuscripts cite it by."""

    key: str
    entry_type: str = "misc"
    """BibTeX's entry type, in lower case."""
    title: str = ""
    """Unicode, without LaTeX markup (mathematics is kept as written between dollar signs)."""
    authors: tuple[str, ...] = ()
    """`Given Family`, Unicode, in order."""
    year: int | None = None
    venue: str | None = None
    abstract: str | None = None
    url: str | None = None
    ids: dict[str, str] = {}
    """Identifiers by scheme: `doi`, `arxiv` (without version), `s2`, `acl`, `corpus`."""
    fields: dict[str, str] = {}
    """BibTeX fields as written (LaTeX, macros expanded), names in lower case, in the file's order."""
    provenance: tuple[Provenance, ...] = ()
    retracted: bool = False
    """A source says that it was retracted."""
    recovered: bool = False
    """The entry was damaged in its file; what could be read of it is here."""
    line: int | None = None
    """Line of its file on which the entry begins, from 1."""


class BibliographyProblem(Word):
    """One thing that was wrong with a bibliography file."""

    line: int = Field(ge=1)
    message: str
    key: str | None = None
    """The entry concerned, where it is known."""
    severity: Literal["warning", "error"] = "error"
    """An error cost a field or an entry; a warning cost nothing."""


class Bibliography(Record):
    """Works in the order of their file, duplicates included."""

    entries: tuple[Reference, ...] = ()
    problems: tuple[BibliographyProblem, ...] = ()
    preamble: tuple[str, ...] = ()
    """Bodies of `@preamble`, as written."""
    macros: dict[str, str] = {}
    """`@string` macros of the file, expanded, by name in lower case."""

    def get(self, key: str) -> Reference | None:
        """Return the first entry with this key."""
        return next((entry for entry in self.entries if entry.key == key), None)

    @property
    def keys(self) -> frozenset[str]:
        """The keys that may be cited."""
        return frozenset(entry.key for entry in self.entries)
