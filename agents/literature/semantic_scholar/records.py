"""From Semantic Scholar's records to references. Its BibTeX keys do not compile, and are not used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from peercycle.agents.literature.online.keys import citation_key
from peercycle.agents.literature.online.text import abstract_of, moment, one_line, says_withdrawn, year_of
from peercycle.core.literature import Provenance, Reference
from peercycle.core.sameness import normalised_id

NAME = "semantic-scholar"
FIELDS = (
    "paperId",
    "corpusId",
    "externalIds",
    "title",
    "abstract",
    "authors",
    "year",
    "venue",
    "journal",
    "publicationTypes",
    "url",
)
"""What is asked for, always by name: the package's own list draws in every citation of a work."""

_SCHEMES = {"doi": "doi", "arxiv": "arxiv", "acl": "acl", "corpusid": "corpus"}
_TYPES = {"JournalArticle": "article", "Conference": "inproceedings", "Book": "book", "BookSection": "incollection"}


def reference_of(record: Any, fetched_at: float) -> Reference | None:
    """Return a work, or None for a record without a title."""
    if not isinstance(record, Mapping) or not (title := one_line(record.get("title"), markup=True)):
        return None
    work = Reference(
        key="-",
        entry_type=_entry_type(record),
        title=title,
        authors=_authors(record.get("authors")),
        year=year_of(record.get("year")),
        venue=_venue(record),
        abstract=abstract_of(record.get("abstract"), markup=True),
        url=_address(record.get("url")),
        ids=_ids(record),
        provenance=(Provenance(source=NAME, fetched_at=moment(fetched_at)),),
        retracted=says_withdrawn(title),
    )
    return work.model_copy(update={"key": citation_key(work)})


def _authors(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    names = [one_line(item.get("name"), markup=True) for item in value if isinstance(item, Mapping)]
    return tuple(name for name in names if name)


def _ids(record: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    given = record.get("externalIds")
    for name, value in given.items() if isinstance(given, Mapping) else ():
        scheme = _SCHEMES.get(str(name).lower())
        if scheme and isinstance(value, str | int) and (text := one_line(str(value))):
            scheme, _, text = normalised_id(scheme, text).partition(":")
            found.setdefault(scheme, text)
    if paper := one_line(record.get("paperId")):
        found["s2"] = paper
    if isinstance(corpus := record.get("corpusId"), int):
        found.setdefault("corpus", str(corpus))
    return found


def _venue(record: Mapping[str, Any]) -> str | None:
    journal = record.get("journal")
    name = one_line(journal.get("name"), markup=True) if isinstance(journal, Mapping) else ""
    return one_line(record.get("venue"), markup=True) or name or None


def _entry_type(record: Mapping[str, Any]) -> str:
    kinds = record.get("publicationTypes")
    for kind in kinds if isinstance(kinds, list) else ():
        if isinstance(kind, str) and kind in _TYPES and _venue(record):
            return _TYPES[kind]
    return "misc"


def _address(value: Any) -> str | None:
    text = one_line(value)
    return text if text.startswith(("https://", "http://")) else None
