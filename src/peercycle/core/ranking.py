"""Ranking a pool of works by a text: BM25 over two fields, pairs of words, and feedback from the best works.

- Term scores are those of BM25F (Robertson, Zaragoza and Taylor 2004, CIKM), title and abstract its fields.
- Neighbouring words of the query count as pairs, as in the sequential dependence model (Metzler and Croft 2005, SIGIR).
- Feedback is RM3 (Abdul-Jaleel et al. 2004, TREC): terms of the works ranked first join the query, and the pool is
  ranked again.
- How often a work is cited plays no part.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from peercycle.core.literature import Reference
from peercycle.core.sameness import RRF_K
from peercycle.core.stems import terms

K1, B = 1.6, 0.75
"""Above the usual 1.2, because a title's term counts three times and would be saturated by one occurrence."""
K3 = 3.0
"""How soon another occurrence of a term in the query ceases to count."""
PAIR_WEIGHT = 0.25
FEEDBACK_WORKS = 10
FEEDBACK_TERMS = 40
FEEDBACK_WEIGHT = 0.5
"""The share of the terms fed back in the query's second form."""
TEXT_TERMS = 12
"""A query of at least so many different terms is a text; what is fed back to a shorter one may lead astray."""


@dataclass(frozen=True, slots=True)
class Document:
    """A work as bags of stems, and its pairs of neighbouring stems."""

    title: dict[str, int]
    abstract: dict[str, int]
    words: frozenset[str]
    """The stems of both."""
    pairs: frozenset[tuple[str, str]]
    title_length: int
    abstract_length: int

    @classmethod
    def of(cls, title: str, abstract: str) -> Document:
        """Read a work's texts."""
        first, second = terms(title), terms(abstract)
        pairs = frozenset((*pairwise(first), *pairwise(second)))
        words = frozenset((*first, *second))
        return cls(dict(Counter(first)), dict(Counter(second)), words, pairs, len(first), len(second))


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the weights of terms rest on: those of the pool, or of a larger collection that it is a part of."""

    documents: int
    title_length: float
    abstract_length: float
    frequency: Mapping[str, int]
    """In how many documents a stem occurs; one that is missing occurs in one."""

    @classmethod
    def of(cls, documents: Sequence[Document]) -> Statistics:
        """Count a pool."""
        frequency: Counter[str] = Counter()
        for document in documents:
            frequency.update(document.words)
        number = max(1, len(documents))
        return cls(
            len(documents),
            sum(d.title_length for d in documents) / number or 1.0,
            sum(d.abstract_length for d in documents) / number or 1.0,
            frequency,
        )

    def weight(self, term: str) -> float:
        """Return the inverse document frequency, never negative."""
        number = max(1, self.frequency.get(term, 1))
        return math.log(1 + (max(self.documents, number) - number + 0.5) / (number + 0.5))


@dataclass(slots=True)
class Query:
    """A text as weights of stems."""

    terms: dict[str, float]
    pairs: dict[tuple[str, str], float] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str) -> Query:
        """Read a query."""
        found = terms(text)
        weights = {term: (K3 + 1) * count / (K3 + count) for term, count in Counter(found).items()}
        return cls(weights, dict.fromkeys(pairwise(found), 1.0))


class Ranker:
    """Ranks one pool."""

    def __init__(
        self, documents: Sequence[Document], *, title_weight: float = 3.0, statistics: Statistics | None = None
    ) -> None:
        self._documents = documents
        self._title_weight = title_weight
        self._statistics = statistics or Statistics.of(documents)

    def rank(self, query: Query, *, feedback: bool | None = None) -> list[tuple[int, float]]:
        """Return the places of documents that have something of the query, and their scores, the best first.

        Equal scores stay in the pool's order. Feedback is given to texts; `feedback` decides otherwise.
        """
        scores = self._scores(query)
        first = _sorted(scores)
        if not first or not (len(query.terms) >= TEXT_TERMS if feedback is None else feedback):
            return first
        return _sorted(self._scores(self.fed_back(query, first)))

    def fed_back(self, query: Query, first: Sequence[tuple[int, float]]) -> Query:
        """Return the query with the terms that tell most of the documents ranked first."""
        best = first[:FEEDBACK_WORKS]
        whole = sum(score for _, score in best) or 1.0
        model: dict[str, float] = {}
        for place, score in best:
            bag = self._bag(self._documents[place])
            length = sum(bag.values()) or 1.0
            for term, count in bag.items():
                model[term] = model.get(term, 0.0) + score / whole * count / length
        ranked = sorted(model, key=lambda t: (-model[t] * self._statistics.weight(t), t))[:FEEDBACK_TERMS]
        kept = sum(model[term] for term in ranked) or 1.0
        asked = sum(query.terms.values()) or 1.0
        weights = {term: (1 - FEEDBACK_WEIGHT) * weight for term, weight in query.terms.items()}
        for term in ranked:
            weights[term] = weights.get(term, 0.0) + FEEDBACK_WEIGHT * asked * model[term] / kept
        return Query(weights, {pair: (1 - FEEDBACK_WEIGHT) * weight for pair, weight in query.pairs.items()})

    def _scores(self, query: Query) -> dict[int, float]:
        weights = {term: asked * self._statistics.weight(term) for term, asked in query.terms.items()}
        pairs = {
            pair: PAIR_WEIGHT * asked * min(self._statistics.weight(pair[0]), self._statistics.weight(pair[1]))
            for pair, asked in query.pairs.items()
        }
        scores: dict[int, float] = {}
        for place, document in enumerate(self._documents):
            shared = weights.keys() & document.words
            if not shared:
                continue
            title, abstract = self._norms(document)
            score = 0.0
            # In one order: a sum of floats must not depend on the order of a set.
            for term in sorted(shared):
                count = title * document.title.get(term, 0) + abstract * document.abstract.get(term, 0)
                score += weights[term] * count / (K1 + count)
            for pair in sorted(pairs.keys() & document.pairs):
                score += pairs[pair]
            scores[place] = score
        return scores

    def _norms(self, document: Document) -> tuple[float, float]:
        """Return what a term's occurrence counts in title and abstract, by the usual length of a document.

        A title's words count in the length as they do in the score. A work without an abstract is a short document,
        and what little it says counts more.
        """
        s, weight = self._statistics, self._title_weight
        length = weight * document.title_length + document.abstract_length
        usual = weight * s.title_length + s.abstract_length
        norm = 1 / (1 - B + B * length / usual)
        return weight * norm, norm

    def _bag(self, document: Document) -> dict[str, float]:
        """Return the counts of stems over both fields."""
        title, abstract = self._norms(document)
        return {
            term: title * document.title.get(term, 0) + abstract * document.abstract.get(term, 0)
            for term in sorted(document.words)
        }


def _sorted(scores: Mapping[int, float]) -> list[tuple[int, float]]:
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))


def rank_works(text: str, works: Iterable[Reference]) -> list[int]:
    """Return the places of the works that have to do with a text, the nearest first."""
    documents = [Document.of(work.title, work.abstract or "") for work in works]
    return [place for place, _ in Ranker(documents).rank(Query.of(text))]


def fused(rankings: Iterable[Sequence[int]]) -> list[int]:
    """Return places by reciprocal rank over several rankings; equal ones by place."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, place in enumerate(ranking, start=1):
            scores[place] = scores.get(place, 0.0) + 1 / (RRF_K + rank)
    return sorted(scores, key=lambda place: (-scores[place], place))
