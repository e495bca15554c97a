"""Term weights of works, and spherical k-means over them."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence

from peercycle.agents.policies.extractive.corpus import MappedWork
from peercycle.agents.policies.extractive.notes import Weighting
from peercycle.agents.policies.extractive.terms import document_frequencies
from peercycle.core.content_words import is_content

Vector = dict[str, float]
"""A sparse vector of unit length, or empty."""

LARGEST_SHARE = 0.6
"""A word in more than this share of the works parts none of them, and is not weighed."""
_SATURATION = 1.2


def _weight(count: int, weighting: Weighting) -> float:
    if weighting == "binary":
        return 1.0
    if weighting == "bm25":
        return count * (_SATURATION + 1) / (count + _SATURATION)
    return 1.0 + math.log(count)


def unit(vector: Vector) -> Vector:
    """Return the vector at unit length; an empty one stays empty."""
    length = math.sqrt(math.fsum(value * value for value in vector.values()))
    return {term: value / length for term, value in vector.items()} if length > 0 else {}


def cosine(a: Vector, b: Vector) -> float:
    """Return the inner product of two unit vectors."""
    if len(a) > len(b):
        a, b = b, a
    return sum(value * b[term] for term, value in a.items() if term in b)


def counted_tokens(work: MappedWork, title_weight: int) -> list[str]:
    """Return a work's content words, those of its title repeated `title_weight` times."""
    tokens = [*(work.title_tokens * title_weight), *work.abstract_tokens]
    return [token for token in tokens if is_content(token)]


def inverse_frequencies(documents: Sequence[Sequence[str]]) -> dict[str, float]:
    """Return log(N / df) of every word that at least two works share and that not most of them use."""
    number = len(documents)
    most = max(2, math.floor(LARGEST_SHARE * number))
    frequencies = document_frequencies(documents)
    return {t: math.log(number / df) for t, df in sorted(frequencies.items()) if 2 <= df <= most and df < number}


def vector_of(tokens: Sequence[str], inverse: dict[str, float], weighting: Weighting) -> Vector:
    """Return a document's TF-IDF vector at unit length."""
    counts = Counter(token for token in tokens if token in inverse)
    return unit({token: _weight(n, weighting) * inverse[token] for token, n in sorted(counts.items())})


def centre_of(vectors: Sequence[Vector]) -> Vector:
    """Return the mean direction of some vectors."""
    total: Vector = {}
    for vector in vectors:
        for term, value in vector.items():
            total[term] = total.get(term, 0.0) + value
    return unit(total)


def _first_centres(vectors: Sequence[Vector], number: int, rng: random.Random) -> list[Vector]:
    """Return spread-out vectors to begin from (k-means++ with squared cosine distance)."""
    centres = [vectors[rng.randrange(len(vectors))]]
    nearest = [1.0 - cosine(vector, centres[0]) for vector in vectors]
    while len(centres) < number:
        weights = [max(0.0, distance) ** 2 for distance in nearest]
        if math.fsum(weights) <= 0.0:
            break
        chosen = rng.choices(range(len(vectors)), weights=weights)[0]
        centres.append(vectors[chosen])
        nearest = [min(d, 1.0 - cosine(v, vectors[chosen])) for d, v in zip(nearest, vectors, strict=True)]
    return centres


def _assign(vectors: Sequence[Vector], centres: Sequence[Vector]) -> tuple[list[int], float]:
    labels: list[int] = []
    total = 0.0
    for vector in vectors:
        scores = [cosine(vector, centre) for centre in centres]
        best = max(range(len(scores)), key=lambda index: (scores[index], -index))
        labels.append(best)
        total += scores[best]
    return labels, total


def _settle(vectors: Sequence[Vector], centres: list[Vector]) -> tuple[list[int], float]:
    labels, total = _assign(vectors, centres)
    for _ in range(25):
        members: list[list[Vector]] = [[] for _ in centres]
        for vector, label in zip(vectors, labels, strict=True):
            members[label].append(vector)
        centres = [centre_of(group) for group in members if group]
        again, total = _assign(vectors, centres)
        if again == labels:
            break
        labels = again
    return labels, total


def k_means(vectors: Sequence[Vector], number: int, rng: random.Random) -> list[int]:
    """Return a label per vector: the best of a few starts; no cluster of a single work where it can be helped."""
    if not vectors:
        return []
    starts = 6 if len(vectors) <= 200 else 2
    found = [_settle(vectors, _first_centres(vectors, min(number, len(vectors)), rng)) for _ in range(starts)]
    labels = max(found, key=lambda result: result[1])[0]
    return _renumbered(_without_singles(vectors, labels))


def _without_singles(vectors: Sequence[Vector], labels: list[int]) -> list[int]:
    labels = list(labels)
    for index, label in enumerate(list(labels)):
        if labels.count(label) > 1:
            continue
        others = sorted(set(labels) - {label})
        centres = [centre_of([v for v, at in zip(vectors, labels, strict=True) if at == other]) for other in others]
        scores = [cosine(vectors[index], centre) for centre in centres]
        if scores and max(scores) > 0:
            labels[index] = others[scores.index(max(scores))]
    return labels


def _renumbered(labels: Sequence[int]) -> list[int]:
    names = {label: index for index, label in enumerate(dict.fromkeys(labels))}
    return [names[label] for label in labels]
