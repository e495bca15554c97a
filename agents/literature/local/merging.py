"""Which records are one work, and what of each is kept."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from peercycle.core.literature import Reference

_ARXIV_VERSION = re.compile(r"v\d+$")


def normalised_title(title: str) -> str:
    """Return a title without case, accents, punctuation and blanks."""
    plain = unicodedata.normalize("NFKD", title).casefold()
    return re.sub(r"[\W_]+", "", "".join(c for c in plain if not unicodedata.combining(c)))


def identities(work: Reference) -> tuple[str, ...]:
    """Return every name under which this record may be known: DOI, arXiv id, then title with year."""
    found: list[str] = []
    if doi := work.ids.get("doi"):
        found.append(f"doi:{doi.casefold().removeprefix('https://doi.org/')}")
    if arxiv := work.ids.get("arxiv"):
        found.append(f"arxiv:{_ARXIV_VERSION.sub('', arxiv.casefold())}")
    if title := normalised_title(work.title):
        found.append(f"title:{title}|{work.year or ''}")
    return tuple(found) or (f"key:{work.key}",)


def merge(first: Reference, other: Reference) -> Reference:
    """Join two records of one work field by field; the first one's key and values win, the longest abstract stays."""
    abstracts = [a for a in (first.abstract, other.abstract) if a]
    return first.model_copy(
        update={
            "title": first.title or other.title,
            "authors": first.authors or other.authors,
            "year": first.year or other.year,
            "venue": first.venue or other.venue,
            "url": first.url or other.url,
            "abstract": max(abstracts, key=len) if abstracts else None,
            "ids": {**other.ids, **first.ids},
            "fields": {**other.fields, **first.fields},
            "provenance": tuple(dict.fromkeys((*first.provenance, *other.provenance))),
        }
    )


def deduplicate(works: Iterable[Reference]) -> list[Reference]:
    """Return every work once, in the order of its first record."""
    kept: list[Reference] = []
    known: dict[str, int] = {}
    for work in works:
        names = identities(work)
        at = next((known[name] for name in names if name in known and not differ(kept[known[name]], work)), None)
        if at is None:
            at = len(kept)
            kept.append(work)
        else:
            kept[at] = merge(kept[at], work)
        for name in names:
            known.setdefault(name, at)
    return kept


def differ(one: Reference, other: Reference) -> bool:
    """Whether two records of one title and year are two works: other identifiers, or another first author."""
    for scheme in ("doi", "arxiv"):
        ours, theirs = _identifier(one, scheme), _identifier(other, scheme)
        if ours and theirs:
            return ours != theirs
    authors = [
        work.authors[0].split()[-1].casefold() for work in (one, other) if work.authors and work.authors[0].split()
    ]
    return len(set(authors)) > 1


def _identifier(work: Reference, scheme: str) -> str | None:
    value = next((name for name in identities(work) if name.startswith(f"{scheme}:")), None)
    # A preprint's DOI stands for the preprint only: the published work has another one.
    return None if value is None or value.startswith("doi:10.48550/") else value
