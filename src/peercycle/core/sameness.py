"""Which records are one work, and what is kept of each. The one notion of it: sources, runs and checks use this."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence

from peercycle.core.base import sha256_hex
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.naming import family_word

RRF_K = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke and Buettcher 2009, SIGIR)."""

SCHEMES = ("doi", "arxiv", "s2", "acl", "corpus")
"""Identifiers, the most telling first."""

_ARXIV_VERSION = re.compile(r"v\d+$")
_ARXIV_DOI = re.compile(r"10\.48550/arxiv\.(.+)")
_DOI_PREFIX = re.compile(r"^(?:https?://(?:dx\.)?doi\.org/|doi:)\s*")
YEARS_APART = 1
"""A preprint and its publication are often dated a year apart."""


def normalised_title(title: str) -> str:
    """Return a title without case, accents, punctuation and blanks."""
    plain = unicodedata.normalize("NFKD", title).casefold()
    return re.sub(r"[\W_]+", "", "".join(c for c in plain if not unicodedata.combining(c)))


def normalised_id(scheme: str, value: str) -> str:
    """Return an identifier as `scheme:value`, in lower case; arXiv's DOI is the arXiv id, and has no version."""
    value = value.strip().casefold()
    if scheme == "doi":
        value = _DOI_PREFIX.sub("", value)
        if found := _ARXIV_DOI.fullmatch(value):
            scheme, value = "arxiv", found[1]
    if scheme == "arxiv":
        value = _ARXIV_VERSION.sub("", value.removeprefix("arxiv:"))
    return f"{scheme}:{value}"


def identifiers(work: Reference) -> tuple[str, ...]:
    """Return a work's identifiers, normalised, the most telling first."""
    found = [normalised_id(scheme, work.ids[scheme]) for scheme in SCHEMES if work.ids.get(scheme)]
    return tuple(dict.fromkeys(found))


def identities(work: Reference) -> tuple[str, ...]:
    """Return every name under which this record may be known: its identifiers, then its title with the year."""
    title = normalised_title(work.title)
    found = [*identifiers(work), *([f"title:{title}|{work.year or ''}"] if title else [])]
    return tuple(found) or (f"key:{work.key}",)


def work_identity(work: Reference) -> str:
    """Return the one name that tells most."""
    return identities(work)[0]


def first_family(work: Reference) -> str:
    """Return the last word of the first author's family name, without case and accents; empty where there is none."""
    return normalised_title(family_word(work.authors[0])) if work.authors else ""


def same_work(one: Reference, other: Reference) -> bool:
    """Whether two records are one work: a common identifier; else title, year and first author agree.

    Two published DOIs, or two arXiv ids, are two works, whatever the titles say: an erratum, a second edition.
    """
    ours, theirs = set(identifiers(one)), set(identifiers(other))
    if ours & theirs:
        return True
    return normalised_title(one.title) == normalised_title(other.title) != "" and _may_be_one(one, other)


def _may_be_one(one: Reference, other: Reference) -> bool:
    for scheme in ("doi", "arxiv", "s2"):
        ours = {name for name in identifiers(one) if name.startswith(f"{scheme}:")}
        theirs = {name for name in identifiers(other) if name.startswith(f"{scheme}:")}
        if ours and theirs:
            return False
    first, second = first_family(one), first_family(other)
    if first and second and first != second:
        return False
    if one.year is None or other.year is None:
        return one.year == other.year or first == second != ""
    return abs(one.year - other.year) <= (YEARS_APART if first == second != "" else 0)


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
            "retracted": first.retracted or other.retracted,
        }
    )


class Works:
    """Works in the order of their first record, each once; a record that links two of them makes them one."""

    def __init__(self, works: Iterable[Reference] = ()) -> None:
        self._kept: list[Reference | None] = []
        self._by_id: dict[str, int] = {}
        self._by_title: dict[str, list[int]] = {}
        self._joined: dict[int, int] = {}
        for work in works:
            self.add(work)

    def find(self, work: Reference) -> int | None:
        """Return the place of the work that this record is of, or None."""
        places = self.places(work)
        return places[0] if places else None

    def add(self, work: Reference) -> int:
        """Add a record to its work, or as a new one; return the work's place."""
        places = self.places(work)
        if not places:
            self._kept.append(work)
            self._index(work, len(self._kept) - 1)
            return len(self._kept) - 1
        first, *others = places
        for place in others:
            self._kept[first] = merge(self._at(first), self._at(place))
            self._kept[place] = None
            self._joined[place] = first
        if others:
            self._by_id.update({name: first for name, place in self._by_id.items() if place in others})
            for listed in self._by_title.values():
                listed[:] = dict.fromkeys(first if place in others else place for place in listed)
        self._kept[first] = merge(self._at(first), work)
        self._index(self._at(first), first)
        self._index(work, first)
        return first

    def at(self, place: int) -> Reference:
        """Return the work at a place that `add` or `find` gave, also where it was joined to another since."""
        return self._at(self.now(place))

    def now(self, place: int) -> int:
        """Return the place at which a work is now."""
        while place in self._joined:
            place = self._joined[place]
        return place

    def items(self) -> list[tuple[int, Reference]]:
        """Return places and works, in order."""
        return [(place, work) for place, work in enumerate(self._kept) if work is not None]

    def __iter__(self) -> Iterator[Reference]:
        return (work for work in self._kept if work is not None)

    def _at(self, place: int) -> Reference:
        work = self._kept[place]
        assert work is not None, "a place of a work that was joined to another"
        return work

    def places(self, work: Reference) -> list[int]:
        """Return the places of all works that this record is of: several where it links them."""
        found = {self._by_id[name] for name in identifiers(work) if name in self._by_id}
        if not found:
            for place in self._by_title.get(normalised_title(work.title), ()):
                if same_work(self._at(place), work):
                    found.add(place)
                    break
        if not found and not identifiers(work) and not normalised_title(work.title):
            found.update(self._by_id[name] for name in identities(work) if name in self._by_id)
        return sorted(found)

    def _index(self, work: Reference, place: int) -> None:
        names = identifiers(work)
        title = normalised_title(work.title)
        if title and place not in self._by_title.setdefault(title, []):
            self._by_title[title].append(place)
        for name in names or (identities(work) if not title else ()):
            self._by_id.setdefault(name, place)


def deduplicate(works: Iterable[Reference]) -> list[Reference]:
    """Return every work once, in the order of its first record, merged field by field."""
    return list(Works(works))


def fuse(answers: Sequence[Sequence[Reference]], limit: int | None = None) -> tuple[Reference, ...]:
    """Fuse ranked answers: score 1 / (60 + rank) summed over the answers; one work is returned once, merged.

    Of equal scores the key decides. Fields of earlier answers win.
    """
    pool = Works()
    scores: dict[int, float] = {}
    for answer in answers:
        counted: set[int] = set()
        for rank, work in enumerate(answer, start=1):
            known = pool.places(work)
            place = pool.add(work)
            for other in known[1:]:
                scores[place] = scores.get(place, 0.0) + scores.pop(other, 0.0)
            if place not in counted:
                counted.add(place)
                scores[place] = scores.get(place, 0.0) + 1 / (RRF_K + rank)
    order = sorted(scores, key=lambda place: (-scores[place], pool.at(place).key))
    return tuple(pool.at(place) for place in order[:limit])


def new_works(found: Sequence[Reference], known: Bibliography) -> list[Reference]:
    """Return those works found that are not known yet, each with a free key."""
    pool = Works(known.entries)
    taken = {key.lower() for key in known.keys}
    new: list[Reference] = []
    for work in found:
        if pool.find(work) is not None:
            continue
        key = free_key(work, taken)
        taken.add(key.lower())
        new.append(work.model_copy(update={"key": key}))
    return new


def free_key(work: Reference, taken: Collection[str]) -> str:
    """Return a work's key, or one made of it and of the work's identity: the same whatever else was found."""
    if work.key.lower() not in taken:
        return work.key
    digits = sha256_hex(work_identity(work).encode())
    key = f"{work.key}-{digits[:6]}"
    return key if key.lower() not in taken else f"{work.key}-{digits}"
