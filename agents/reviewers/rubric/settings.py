"""Settings of the rubric reviewer."""

from __future__ import annotations

from pydantic import Field

from peercycle.core.base import Word


class RubricSettings(Word):
    """How much the rubric says."""

    points_per_check: int = Field(default=3, ge=1, le=50)
    """At most so many points from one check; its evidence counts them all."""
    skip: tuple[str, ...] = ()
    """Names of checks that are not made."""
