"""Searching an index by a whole text: FTS5 brings candidates, which are ranked by what `core.ranking` knows.

Twice: the terms that tell most of the works ranked first bring candidates that the text itself has no word for.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from peercycle.agents.literature.local import index
from peercycle.core.literature import Reference
from peercycle.core.ranking import TEXT_TERMS, Document, Query, Ranker, Statistics

CANDIDATES = 500
ENOUGH_DOCUMENTS = 20_000
"""As that of the index: with a hundred terms, 4,000 documents are those of a few rare words, and works that share many
of the others are missed."""
FED_BACK_CANDIDATES = 200
FED_BACK_TERMS = 12
MOST_KEPT = 20_000
"""Documents read that are kept at hand, per index."""


def is_text(query: Query) -> bool:
    """Whether a query is a text and no topic of a few words."""
    return len(query.terms) >= TEXT_TERMS


class Frequencies(Mapping[str, int]):
    """In how many works of an index a stem occurs, looked up when it is wanted."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[str, int] = {}

    def __getitem__(self, term: str) -> int:
        if (number := self._known.get(term)) is None:
            row = self._connection.execute("SELECT doc FROM terms WHERE term = ?", (term,)).fetchone()
            number = self._known[term] = int(row[0]) if row else 0
        if not number:
            raise KeyError(term)
        return number

    def __iter__(self) -> Iterator[str]:
        return iter(row[0] for row in self._connection.execute("SELECT term FROM terms"))

    def __len__(self) -> int:
        return int(self._connection.execute("SELECT count(*) FROM terms").fetchone()[0])


@dataclass(slots=True)
class TextSearch:
    """Searches one index by texts."""

    connection: sqlite3.Connection
    title_weight: float
    _works: dict[int, tuple[Reference, Document]] = field(default_factory=dict)
    _statistics: Statistics | None = None

    def search(self, text: str, query: Query, limit: int) -> list[Reference]:
        """Return the best works for a text."""
        first = self._candidates(index.query_terms(text, most=2 * index.MOST_TERMS), max(CANDIDATES, limit))
        ranker, ids = self._ranker(first)
        ranked = ranker.rank(query, feedback=False)
        if not ranked:
            return []
        fed = ranker.fed_back(query, ranked)
        new = sorted((term for term in fed.terms if term not in query.terms), key=lambda t: (-fed.terms[t], t))
        more = self._candidates(new[:FED_BACK_TERMS], FED_BACK_CANDIDATES) if new else []
        ranker, ids = self._ranker(list(dict.fromkeys([*ids, *more])))
        best = ranker.smoothed(ranker.rank(fed, feedback=False))
        return [self._works[ids[place]][0] for place, _ in best[:limit]]

    def _candidates(self, terms: list[str], limit: int) -> list[int]:
        return index.search_ids(self.connection, terms, limit, self.title_weight, enough=ENOUGH_DOCUMENTS)

    def _ranker(self, ids: list[int]) -> tuple[Ranker, list[int]]:
        if len(self._works) > MOST_KEPT:
            self._works.clear()
        for number in ids:
            if number not in self._works:
                work = index.load(self.connection, number)
                self._works[number] = work, Document.of(work.title, work.abstract or "")
        documents = [self._works[number][1] for number in ids]
        if self._statistics is None:
            self._statistics = _statistics(self.connection)
        return Ranker(documents, title_weight=self.title_weight, statistics=self._statistics), ids


def _statistics(connection: sqlite3.Connection) -> Statistics:
    """Return those of the whole index: among the candidates long works abound, and beside them all others are short."""
    number, title_words, abstract_words = index.totals(connection)
    title, abstract = title_words / max(1, number), abstract_words / max(1, number)
    return Statistics(number, title or 1.0, abstract or 1.0, Frequencies(connection))
