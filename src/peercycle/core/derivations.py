"""Statistics over seeds, from their definitions: what a derived measurement must equal."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from functools import lru_cache

from peercycle.core.experiments import Statistic

_RELATIVE = 1e-6
"""Two roads to one statistic may differ by rounding, never by this much of the numbers involved."""


def derived_value(statistic: Statistic, values: Sequence[float]) -> float | None:
    """Return a statistic of `values`, or None where they are too few for it.

    `sd` is the sample's (n - 1); intervals are mean ± t(0.975, n - 1) · sd / √n.
    """
    n = len(values)
    if n == 0:
        return None
    match statistic:
        case "mean":
            return math.fsum(values) / n
        case "min":
            return min(values)
        case "max":
            return max(values)
        case "median":
            return statistics.median(values)
        case "n":
            return float(n)
        case "sd" | "ci95_low" | "ci95_high":
            return _spread(statistic, values)


def _spread(statistic: Statistic, values: Sequence[float]) -> float | None:
    n = len(values)
    if n < 2:
        return None
    mean = math.fsum(values) / n
    sd = math.sqrt(math.fsum((v - mean) * (v - mean) for v in values) / (n - 1))
    if statistic == "sd":
        return sd
    half = student_t_975(n - 1) * sd / math.sqrt(n)
    return mean - half if statistic == "ci95_low" else mean + half


def agrees(recorded: float, recomputed: float, values: Sequence[float]) -> bool:
    """Tell whether a recorded statistic is the recomputed one, up to floating-point error."""
    size = max((abs(v) for v in values), default=0.0)
    return math.isclose(recorded, recomputed, rel_tol=_RELATIVE, abs_tol=_RELATIVE * size * 1e-3)


@lru_cache(maxsize=512)
def student_t_975(df: int) -> float:
    """Return the 97.5 % quantile of Student's t with `df` >= 1 degrees of freedom.

    The finite sums of Abramowitz and Stegun 26.7.3-4 inverted by bisection; beyond 200 degrees of freedom the
    expansion about the normal quantile (26.7.5), whose error is below 1e-11 there.
    """
    if df > 200:
        return _t_from_normal(df)
    low, high = 1.9, 13.0
    for _ in range(60):
        middle = (low + high) / 2
        if _central_probability(middle, df) < 0.95:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _central_probability(t: float, df: int) -> float:
    """Return P(-t < T < t)."""
    theta = math.atan(t / math.sqrt(df))
    cos2 = math.cos(theta) ** 2
    odd = df % 2 == 1
    term = math.cos(theta) if odd else 1.0
    total = 0.0 if df == 1 else term
    for k in range(3 if odd else 2, df - 1, 2):
        term *= cos2 * ((k - 1) / k)
        total += term
    if odd:
        return 2 / math.pi * (theta + math.sin(theta) * total)
    return math.sin(theta) * total


def _t_from_normal(df: int) -> float:
    x = statistics.NormalDist().inv_cdf(0.975)
    g1 = (x**3 + x) / 4
    g2 = (5 * x**5 + 16 * x**3 + 3 * x) / 96
    g3 = (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384
    g4 = (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160
    return float(x + g1 / df + g2 / df**2 + g3 / df**3 + g4 / df**4)
