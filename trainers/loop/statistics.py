"""How sure a difference is: the paired bootstrap over tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from peercycle.core.base import Word

RESAMPLES = 10_000
LEVEL = 0.95


class Difference(Word):
    """The mean of paired differences, with the bounds of a percentile bootstrap over the pairs."""

    mean: float
    low: float
    high: float
    n: int
    """Pairs that both sides have."""
    level: float = LEVEL


def paired_difference(after: Mapping[str, float], before: Mapping[str, float]) -> Difference | None:
    """Return how much `after` is above `before`, paired by key (a task); None where no key is in both.

    The tasks are drawn again with replacement `RESAMPLES` times (Efron 1979), always from the same seed: the same numbers
    give the same bounds.
    """
    keys = sorted(after.keys() & before.keys())
    if not keys:
        return None
    gains = np.array([after[key] - before[key] for key in keys], dtype=np.float64)
    drawn = np.random.default_rng(0).integers(0, len(keys), size=(RESAMPLES, len(keys)))
    means = np.sort(gains[drawn].mean(axis=1))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Difference(mean=float(gains.mean()), low=float(low), high=float(high), n=len(keys))


def mean(values: Sequence[float]) -> float | None:
    """Return the mean; None of nothing."""
    return sum(values) / len(values) if values else None
