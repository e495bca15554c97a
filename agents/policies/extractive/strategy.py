"""The choices in which candidates differ."""

from __future__ import annotations

import math
import random
import re

from peercycle.agents.policies.extractive.notes import Strategy, Weighting
from peercycle.agents.policies.extractive.settings import ExtractiveSettings
from peercycle.core.contracts import StageContext

_WEIGHTINGS: tuple[Weighting, ...] = ("log", "bm25", "binary")


def usual_clusters(works: int) -> int:
    """Return the rule of thumb: the square root of half the number of works, between 2 and 12."""
    return max(2, min(12, round(math.sqrt(works / 2))))


def choose(works: int, settings: ExtractiveSettings, ctx: StageContext) -> Strategy:
    """Return a candidate's choices.

    Neighbouring candidates differ in the number of clusters, in the term weights and in the order of presentation;
    the number at the end of the candidate's id says which are neighbours, and the run's seed where the row begins.
    """
    rng = random.Random(ctx.rng.getrandbits(64))
    digits = re.search(r"(\d+)\D*$", ctx.candidate)
    place = (int(digits.group(1)) if digits else rng.randrange(36)) + ctx.options.seed
    usual = usual_clusters(works)
    clusters = settings.clusters or max(2, usual + (0, 1, -1, 2)[place % 4])
    return Strategy(
        clusters=max(1, min(clusters, works // 2)),
        weighting=_WEIGHTINGS[place % 3],
        title_weight=(2, 1, 3)[(place // 2) % 3],
        seed=rng.getrandbits(32),
        gaps_first=place % 2 == 1,
        by_year=(place // 2) % 2 == 1,
    )
