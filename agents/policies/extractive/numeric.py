"""The built-in numerical studies, and when one of them belongs to a topic."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from peercycle.agents.policies.extractive.corpus import MappedWork
from peercycle.agents.policies.extractive.notes import NumericMatch
from peercycle.core.base import JSON


@dataclass(frozen=True, slots=True)
class NumericalStudy:
    """A small numerical study, and the words by which its subject is known."""

    name: str
    program: str
    subject: str
    """Pattern of the subject itself: how many works of the corpus name it is counted."""
    needs: tuple[str, ...]
    """Patterns of which the share that the topic holds is counted."""
    question: str
    method: str
    metric: str
    quantity: str
    """What the metric is, for a table's heading."""
    parameters: dict[str, JSON]


NUMERICAL_STUDIES: tuple[NumericalStudy, ...] = (
    NumericalStudy(
        name="monte-carlo",
        program="monte_carlo.py",
        subject=r"monte[ -]carlo (?:integration|estimat|quadrature)|variance reduction|antithetic",
        needs=(r"\bmonte[ -]carlo\b", r"\bintegration|\bquadrature|\bvariance reduction|\bantithetic"),
        question="How fast does a Monte Carlo estimate of an integral converge, plain and with antithetic points?",
        method="The integral of $e^x$ over the unit interval, whose value is known, is estimated at three sample "
        "sizes (small 64, medium 256, large 1024) with independent and with antithetic points; the error is the "
        "root mean square over repetitions.",
        metric="rms_error",
        quantity="root mean square error",
        parameters={"repeats": 200, "sizes": {"small": 64, "medium": 256, "large": 1024}},
    ),
    NumericalStudy(
        name="sorting",
        program="sorting.py",
        subject=r"\b(?:quick|merge|insertion|heap|tim|radix)[ -]?sort|\bcomparison sort"
        r"|\bsorting (?:algorithm|network)",
        needs=(
            r"\b(?:comparison[ -]|adaptive |in-place |external )?sorting (?:algorithm|network)"
            r"|\bquicksort|\bmerge ?sort"
            r"|\bcomparison[ -]based sorting|\bcomparison sort",
        ),
        question="How many comparisons do insertion sort, merge sort and quicksort need on random permutations?",
        method="Comparisons are counted, not timed, on random permutations of three lengths "
        "(short 64, medium 128, long 256).",
        metric="comparisons",
        quantity="comparisons",
        parameters={"repeats": 5, "sizes": {"short": 64, "medium": 128, "long": 256}},
    ),
    NumericalStudy(
        name="k-means-seeding",
        program="k_means_seeding.py",
        subject=r"\bk-means",
        needs=(r"\bk-means", r"\binitiali[sz]|\bseeding|\bk-means\+\+"),
        question="How good are the clusters of k-means from uniformly drawn first centres and from k-means++?",
        method="Mixtures of Gaussians in the plane are clustered by Lloyd's algorithm, once from either kind of "
        "first centres; the within-cluster sum of squares is divided by that reached from the true centres.",
        metric="relative_inertia",
        quantity="sum of squares relative to that from the true centres",
        parameters={"clusters": 8, "repeats": 20},
    ),
    NumericalStudy(
        name="ridge",
        program="ridge.py",
        subject=r"\bridge (?:regression|penalt|estimat)|\btikhonov",
        needs=(r"\bridge\b|\btikhonov", r"\bregression|\bregulari[sz]"),
        question="How does the error of ridge regression on fresh data depend on its penalty?",
        method="Data are drawn from a linear model with correlated Gaussian predictors and Gaussian noise, and ridge "
        "regression is fitted at four penalties (tiny 0.01, small 1, medium 10, large 100); the error is the mean "
        "square on fresh data.",
        metric="test_error",
        quantity="mean squared error on fresh data",
        parameters={
            "observations": 40,
            "predictors": 30,
            "repeats": 10,
            "penalties": {"tiny": 0.01, "small": 1.0, "medium": 10.0, "large": 100.0},
        },
    ),
)


def study_named(name: str) -> NumericalStudy:
    """Return a built-in study by its name."""
    return next(study for study in NUMERICAL_STUDIES if study.name == name)


def nearest_numeric(topic: str, works: Sequence[MappedWork], threshold: float) -> NumericMatch | None:
    """Return the study nearest to the topic, or None where no word of any occurs.

    The match is the smaller of two shares: of the study's marks, how many the topic holds; of the works, how many
    name its subject. So a topic that merely shares a word with a study does not reach any sensible threshold.
    """
    best: NumericMatch | None = None
    for study in NUMERICAL_STUDIES:
        in_topic = sum(re.search(mark, topic, re.IGNORECASE) is not None for mark in study.needs) / len(study.needs)
        named = sum(re.search(study.subject, work.text, re.IGNORECASE) is not None for work in works)
        in_works = named / len(works) if works else 0.0
        score = min(in_topic, in_works)
        if score > 0 and (best is None or score > best.score):
            added = score >= threshold and in_topic == 1.0
            best = NumericMatch(
                study=study.name, score=score, topic_share=in_topic, works_share=in_works, added=added
            )
    return best
