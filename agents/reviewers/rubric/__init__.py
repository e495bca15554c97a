"""The rubric reviewer: checks that a reader could repeat, each with its evidence."""

from __future__ import annotations

from peercycle.agents.reviewers.rubric.reviewer import RubricReviewer
from peercycle.agents.reviewers.rubric.settings import RubricSettings

__all__ = ["RubricReviewer", "RubricSettings"]
