"""Settings of the extractive policy."""

from __future__ import annotations

from pydantic import Field

from peercycle.core.base import Word


class ExtractiveSettings(Word):
    """What a systematic map costs, and when it refuses to measure."""

    least_abstracts: int = Field(default=10, ge=2)
    """Fewer usable abstracts than this, and no study of the bibliography is planned."""
    draft_seeds: int = Field(default=3, ge=2, le=100)
    """Seeds per study in the first draft; an interval needs two."""
    revision_seeds: int = Field(default=3, ge=1, le=100)
    """Seeds that a round may add to each study."""
    most_seeds: int = Field(default=20, ge=1, le=1000)
    """Seeds per study after which no round adds more."""
    clusters: int | None = Field(default=None, ge=1, le=40)
    """Number of clusters; by default a candidate's own, near the square root of half the number of works."""
    quote_words: int = Field(default=24, ge=8, le=60)
    """Longest quotation from an abstract, in words."""
    permutations: int = Field(default=1999, ge=99, le=100_000)
    """Permutations of each test, per seed."""
    numeric_threshold: float = Field(default=0.5, gt=0, le=1)
    """Match with the topic at which a built-in numerical study is added."""
    figures: bool = True
    """Whether the studies draw."""
    wall_s: float = Field(default=120.0, gt=0)
    """Wall-clock limit of one execution, in seconds."""
