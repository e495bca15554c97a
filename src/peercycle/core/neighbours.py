"""Works on one thing are relevant together: a score has a part of the scores of the works most like it.

Score regularization (Diaz 2005, CIKM), in one step over the nearest neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

NEIGHBOURS = 20
NEIGHBOUR_WEIGHT = 0.3
"""The share of its neighbours' scores in a work's own."""


def share_scores(scores: Sequence[float], profiles: Sequence[Mapping[str, float]]) -> list[float]:
    """Return the scores of works, each drawn towards the mean of its nearest neighbours', weighted by likeness.

    A profile is a vector of length 1, by term. What has no neighbour keeps its score.
    """
    found = []
    for score, alike in zip(scores, _cosines(profiles), strict=True):
        others = [place for place, value in enumerate(alike) if value > 0]
        nearest = sorted(others, key=alike.__getitem__, reverse=True)[:NEIGHBOURS]
        whole = sum(alike[place] for place in nearest)
        theirs = sum(alike[place] * scores[place] for place in nearest) / whole if nearest else score
        found.append((1 - NEIGHBOUR_WEIGHT) * score + NEIGHBOUR_WEIGHT * theirs)
    return found


def _cosines(profiles: Sequence[Mapping[str, float]]) -> list[list[float]]:
    """Return the cosine of each with each, 0 with itself."""
    found = [[0.0] * len(profiles) for _ in profiles]
    earlier: dict[str, list[tuple[int, float]]] = {}
    for rank, profile in enumerate(profiles):
        row = found[rank]
        for term, value in profile.items():
            others = earlier.setdefault(term, [])
            for other, theirs in others:
                row[other] += value * theirs
            others.append((rank, value))
        for other in range(rank):
            found[other][rank] = row[other]
    return found
