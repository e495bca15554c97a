"""The reviewers that come with peercycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peercycle import hookimpl

if TYPE_CHECKING:
    from peercycle.agents.reviewers.cyclereviewer import CycleReviewerSettings
    from peercycle.agents.reviewers.deepreviewer import DeepReviewerSettings
    from peercycle.agents.reviewers.prompted.settings import PromptedReviewerSettings
    from peercycle.agents.reviewers.rubric.settings import RubricSettings
    from peercycle.agents.reviewers.scripted import ScriptedReviewerSettings
    from peercycle.core.contracts import Register, Reviewer


@hookimpl
def register_reviewers(register: Register[Reviewer]) -> None:
    """Offer `rubric` (checks that a reader could repeat, without a model), `prompted` (a panel played by any model),
    the published `cyclereviewer` and `deepreviewer`, and `scripted` (for tests)."""
    from peercycle.agents.reviewers.cyclereviewer import CycleReviewerSettings
    from peercycle.agents.reviewers.deepreviewer import DeepReviewerSettings
    from peercycle.agents.reviewers.prompted.settings import PromptedReviewerSettings
    from peercycle.agents.reviewers.rubric.settings import RubricSettings
    from peercycle.agents.reviewers.scripted import ScriptedReviewerSettings

    register("rubric", _rubric, RubricSettings)
    register("prompted", _prompted, PromptedReviewerSettings)
    register("cyclereviewer", _cyclereviewer, CycleReviewerSettings)
    register("deepreviewer", _deepreviewer, DeepReviewerSettings)
    register("scripted", _scripted, ScriptedReviewerSettings)


def _rubric(settings: RubricSettings) -> Reviewer:
    from peercycle.agents.reviewers.rubric.reviewer import RubricReviewer

    return RubricReviewer(settings)


def _prompted(settings: PromptedReviewerSettings) -> Reviewer:
    from peercycle.agents.reviewers.prompted.reviewer import PromptedReviewer

    return PromptedReviewer(settings)


def _cyclereviewer(settings: CycleReviewerSettings) -> Reviewer:
    from peercycle.agents.reviewers.cyclereviewer import CycleReviewer

    return CycleReviewer(settings)


def _deepreviewer(settings: DeepReviewerSettings) -> Reviewer:
    from peercycle.agents.reviewers.deepreviewer import DeepReviewer

    return DeepReviewer(settings)


def _scripted(settings: ScriptedReviewerSettings) -> Reviewer:
    from peercycle.agents.reviewers.scripted import ScriptedReviewer

    return ScriptedReviewer(settings)
