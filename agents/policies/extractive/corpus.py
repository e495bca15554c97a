"""From a bibliography to the works that are mapped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from peercycle.agents.policies.extractive.headings import counted_part, without_headings
from peercycle.agents.policies.extractive.notes import CorpusFacts
from peercycle.agents.policies.extractive.sameness import KnownWorks
from peercycle.agents.policies.extractive.terms import tokens_of
from peercycle.core.content_words import words_of
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.ranking import rank_works
from peercycle.core.topicality import text_of

MOST_MAPPED = 2000
"""Entries that are mapped at most: the work of clustering and of the studies grows faster than their number."""
LEAST_ABSTRACT_WORDS = 15
"""An abstract of fewer words is a heading or a note, and is not used."""

_PLACEHOLDER = re.compile(
    r"\W*(?:(?:no|without) abstracts?(?: (?:is |was )?(?:available|provided|given))?|n/?a|none|tba|tbd"
    r"|abstract (?:is |was )?(?:not (?:available|provided|given)|unavailable|missing))\W*",
    re.IGNORECASE,
)
"""What a file says in the place of an abstract that it does not have."""
_CITABLE = re.compile(r"[^\s,{}%#\\~$^&\"'()=]+")


@dataclass(frozen=True, slots=True)
class MappedWork:
    """A work of the corpus with its text as counted."""

    key: str
    """The entry's key, or a mark that cannot be cited where an earlier entry has that key."""
    citable: bool
    title: str
    abstract: str
    """Empty where there is none that can be used."""
    year: int | None
    words: str
    """Title and abstract as given, usable or not: what a topic's words are looked for in."""
    title_tokens: tuple[str, ...]
    abstract_tokens: tuple[str, ...]
    apart: bool = False
    """Its abstract is in another language than most of the list's; the studies of words leave it out."""

    @property
    def text(self) -> str:
        return f"{self.title}. {self.abstract}" if self.abstract else self.title


@dataclass(frozen=True, slots=True)
class Corpus:
    """The works that are mapped, and what was left out."""

    works: tuple[MappedWork, ...]
    facts: CorpusFacts


def is_citable(key: str) -> bool:
    """Return whether a key can stand in a citation command."""
    return _CITABLE.fullmatch(key) is not None


def _abstract_of(entry: Reference) -> str:
    abstract = without_headings(" ".join((entry.abstract or "").split()))
    return abstract if len(words_of(abstract)) >= LEAST_ABSTRACT_WORDS else ""


def read_corpus(topic: str, bibliography: Bibliography) -> Corpus:
    """Return the distinct works of a bibliography that have a title or a usable abstract.

    Of more than `MOST_MAPPED` entries, those nearest to the topic are read, in the order of the file.
    """
    given = len(bibliography.entries)
    if given > MOST_MAPPED:
        bibliography = bibliography.model_copy(update={"entries": _nearest(topic, bibliography.entries)})
    works: list[MappedWork] = []
    merged: list[str] = []
    untitled: list[str] = []
    recovered = 0
    known = KnownWorks()
    short: set[str] = set()
    keys: set[str] = set()
    for entry in bibliography.entries:
        abstract = _abstract_of(entry)
        if not words_of(entry.title) and not abstract:
            untitled.append(entry.key)
            continue
        if entry in known:
            merged.append(entry.key)
            continue
        known.add(entry)
        title = " ".join(entry.title.split())
        key = entry.key if entry.key not in keys else f"{entry.key}#{len(works) + 1}"
        works.append(
            MappedWork(
                key=key,
                citable=is_citable(key),
                title=title,
                abstract=abstract,
                year=entry.year,
                words=text_of(entry),
                title_tokens=tuple(tokens_of(title)),
                abstract_tokens=tuple(tokens_of(counted_part(abstract))),
            )
        )
        keys.add(key)
        if not abstract and words_of(entry.abstract or "") and not _PLACEHOLDER.fullmatch(entry.abstract or ""):
            short.add(key)
        recovered += entry.recovered
    facts = _facts(bibliography, works, merged, untitled, recovered, short)
    return Corpus(tuple(works), facts.model_copy(update={"farther": given - len(bibliography.entries)}))


def _nearest(topic: str, entries: Sequence[Reference]) -> tuple[Reference, ...]:
    """Return `MOST_MAPPED` entries: those nearest to the topic, filled up with the first that share no word with it."""
    order = dict.fromkeys((*rank_works(topic, entries), *range(len(entries))))
    return tuple(entries[place] for place in sorted(list(order)[:MOST_MAPPED]))


def bound_warning(facts: CorpusFacts) -> str | None:
    """Return what a reader of the run is to know where not every entry is mapped."""
    if not facts.farther:
        return None
    return (
        f"the bibliography has {facts.entries + facts.farther:,} entries, and the map takes {MOST_MAPPED:,}: those "
        f"nearest to the topic are mapped, the other {facts.farther:,} are not"
    )


def _facts(
    bibliography: Bibliography,
    works: list[MappedWork],
    merged: list[str],
    untitled: list[str],
    recovered: int,
    short: set[str],
) -> CorpusFacts:
    without = [work for work in works if not work.abstract and work.citable]
    years = [work.year for work in works if work.year is not None]
    return CorpusFacts(
        entries=len(bibliography.entries),
        works=len(works),
        abstracts=sum(bool(work.abstract) for work in works),
        dated=len(years),
        first_year=min(years, default=None),
        last_year=max(years, default=None),
        distinct_years=len(set(years)),
        merged=tuple(merged),
        untitled=tuple(untitled),
        uncitable=sum(not work.citable for work in works),
        recovered=recovered,
        problems=len(bibliography.problems),
        short=len(short),
        without_abstract=tuple(work.key for work in without if work.key not in short),
        short_abstract=tuple(work.key for work in without if work.key in short),
    )
