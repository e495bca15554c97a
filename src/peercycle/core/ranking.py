"""Ranking a pool of works by a text: BM25 over two fields, pairs of words, feedback from the best works, neighbours.

- Term scores are those of BM25F (Robertson, Zaragoza and Taylor 2004, CIKM), title and abstract its fields.
- Neighbouring words of the query count as pairs, as in the sequential dependence model (Metzler and Croft 2005, SIGIR).
- Feedback is RM3 (Abdul-Jaleel et al. 2004, TREC): terms of the works ranked first join the query, and the pool is
  ranked again.
- The best are drawn towards those that they resemble (score regularization, Diaz 2005, CIKM): works on one thing are
  relevant together, and one that words alone put high stands alone.
- How often a work is cited plays no part.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from peercycle.core.literature import Reference
from peercycle.core.neighbours import share_scores
from peercycle.core.sameness import RRF_K
from peercycle.core.stems import terms

K1, B = 2.5, 0.9
"""Above the usual 1.2 and 0.75: a title's term counts three times and would be saturated by one occurrence, and a long
abstract shares words with any text."""
K3 = 3.0
"""How soon another occurrence of a term in the query ceases to count."""
PAIR_WEIGHT = 0.25
FEEDBACK_WORKS = 10
FEEDBACK_TERMS = 40
FEEDBACK_WEIGHT = 0.5
"""The share of the terms fed back in the query's second form."""
SMOOTHED_WORKS = 100
PROFILE_TERMS = 40
"""So many terms of a work, those that tell most, are compared with those of others."""
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
        self._weights: dict[str, float] = {}

    def rank(self, query: Query, *, feedback: bool | None = None) -> list[tuple[int, float]]:
        """Return the places of documents that have something of the query, and their scores, the best first.

        Equal scores stay in the pool's order. Feedback is given to texts; `feedback` decides otherwise.
        """
        scores = self._scores(query)
        first = _sorted(scores)
        if not first or not (len(query.terms) >= TEXT_TERMS if feedback is None else feedback):
            return first
        return self.smoothed(_sorted(self._scores(self.fed_back(query, first))))

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

    def smoothed(self, ranked: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
        """Return a ranking whose best works have a share of the scores of the works most like them."""
        best = ranked[:SMOOTHED_WORKS]
        shared = share_scores([score for _, score in best], [self._profile(place) for place, _ in best])
        scores = {place: score for (place, _), score in zip(best, shared, strict=True)}
        # A mean of scores among the best is never less than the least of them, so the others stay behind.
        return [*_sorted(scores), *ranked[SMOOTHED_WORKS:]]

    def _profile(self, place: int) -> dict[str, float]:
        """Return what a document's telling terms count, as a vector of length 1."""
        bag = self._bag(self._documents[place])
        weights = {}
        for term, count in bag.items():
            if (weight := self._weights.get(term)) is None:
                weight = self._weights[term] = self._statistics.weight(term)
            weights[term] = weight * count / (K1 + count)
        kept = sorted(weights, key=weights.__getitem__, reverse=True)[:PROFILE_TERMS]
        length = math.sqrt(sum(weights[term] ** 2 for term in kept)) or 1.0
        return {term: weights[term] / length for term in kept}

    def _scores(self, query: Query) -> dict[int, float]:
        weights = {term: asked * self._statistics.weight(term) for term, asked in query.terms.items()}
        pairs = {
            pair: PAIR_WEIGHT * asked * min(self._statistics.weight(pair[0]), self._statistics.weight(pair[1]))
            for pair, asked in query.pairs.items()
        }
        # Sets meet sets by the hashes they keep; a pair's would be computed again for a dictionary.
        asked_terms, asked_pairs = frozenset(weights), frozenset(pairs)
        scores: dict[int, float] = {}
        for place, document in enumerate(self._documents):
            shared = asked_terms & document.words
            if not shared:
                continue
            title, abstract = self._norms(document)
            in_title, in_abstract = document.title, document.abstract
            parts = [pairs[pair] for pair in asked_pairs & document.pairs]
            for term in shared:
                count = abstract * in_abstract[term] if term in in_abstract else 0.0
                if term in in_title:
                    count += title * in_title[term]
                parts.append(weights[term] * count / (K1 + count))
            # Rounded once: a plain sum of floats would depend on the order of a set.
            scores[place] = math.fsum(parts)
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
        bag = {term: abstract * count for term, count in document.abstract.items()}
        for term, count in document.title.items():
            bag[term] = bag.get(term, 0.0) + title * count
        return bag


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
