"""The words of a `Reference` from the fields of an entry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypedDict

from peercycle.agents.literature.bibtex.accents import to_unicode
from peercycle.agents.literature.bibtex.identifiers import address_of, ids_of
from peercycle.agents.literature.bibtex.names import authors_of

_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
VENUES = (
    "journal",
    "journaltitle",
    "booktitle",
    "school",
    "institution",
    "organization",
    "publisher",
    "howpublished",
)
"""Fields that name where a work appeared, the first that is there counts."""


class Words(TypedDict, total=False):
    """What an entry's fields say, in Unicode."""

    title: str
    authors: tuple[str, ...]
    year: int | None
    venue: str | None
    abstract: str | None
    url: str | None
    ids: dict[str, str]


def words_of(fields: Mapping[str, str]) -> Words:
    """Return the words that `fields` hold, every one of them."""
    url = address_of(fields)
    return {
        "title": title_of(fields),
        "authors": authors_of(fields.get("author", "")),
        "year": year_of(fields),
        "venue": venue_of(fields),
        "abstract": to_unicode(fields["abstract"]) or None if "abstract" in fields else None,
        "url": url,
        "ids": ids_of(fields, url),
    }


def title_of(fields: Mapping[str, str]) -> str:
    """Return the title in Unicode, empty if there is none."""
    return to_unicode(fields.get("title", ""))


def year_of(fields: Mapping[str, str]) -> int | None:
    """Return the first number of four digits in `year`, else in `date`."""
    for name in ("year", "date"):
        found = _YEAR.search(fields.get(name, ""))
        if found and found[0].isascii():
            return int(found[0])
    return None


def venue_of(fields: Mapping[str, str]) -> str | None:
    """Return where the work appeared, in Unicode."""
    for name in VENUES:
        raw = fields.get(name)
        if raw and not (name == "howpublished" and ("\\url" in raw or "://" in raw)):
            text = to_unicode(raw)
            if text:
                return text
    return None
