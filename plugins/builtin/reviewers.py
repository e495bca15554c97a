"""The reviewers that come with peercycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peercycle import hookimpl

if TYPE_CHECKING:
    from peercycle.agents.reviewers.rubric import RubricSettings
    from peercycle.agents.reviewers.scripted import ScriptedReviewerSettings
    from peercycle.core.contracts import Register, Reviewer


@hookimpl
def register_reviewers(register: Register[Reviewer]) -> None:
    """Offer `rubric` (checks that a reader could repeat, without a model) and `scripted` (for tests)."""
    from peercycle.agents.reviewers.rubric import RubricSettings
    from peercycle.agents.reviewers.scripted import ScriptedReviewerSettings

    register("rubric", _rubric, RubricSettings)
    register("scripted", _scripted, ScriptedReviewerSettings)


def _rubric(settings: RubricSettings) -> Reviewer:
    from peercycle.agents.reviewers.rubric import RubricReviewer

    return RubricReviewer(settings)


def _scripted(settings: ScriptedReviewerSettings) -> Reviewer:
    from peercycle.agents.reviewers.scripted import ScriptedReviewer

    return ScriptedReviewer(settings)
