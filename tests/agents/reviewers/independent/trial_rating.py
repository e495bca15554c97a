"""What the reviewer under trial says of a submission: its rating, and the checks behind it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.agents.reviewers.independent.trial_papers import checked

from peercycle.agents.reviewers.rubric.reviewer import RubricReviewer
from peercycle.agents.reviewers.rubric.settings import RubricSettings
from peercycle.core.reviews import Assessment, Submission
from peercycle.plugins.testing.context import Bench, Services


def assess(submission: Submission) -> Assessment:
    """Return the reviewer's assessment, given the submission and a fresh check of it."""
    with TemporaryDirectory() as folder:
        context = Bench(Path(folder), Services()).context("review")
        return asyncio.run(RubricReviewer(RubricSettings()).review(checked(submission), context))


def rating(submission: Submission) -> float:
    """Return the rating, which a sound submission and a damaged one both must have."""
    value = assess(submission).rating
    assert value is not None
    return value
