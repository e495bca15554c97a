"""What comes with peercycle, held to the contracts that third parties' components are held to."""

from __future__ import annotations

from typing import Any

from tests.plugins.testing.test_every_offer_is_held import SETTINGS

from peercycle.agents.literature.local.settings import LocalSettings
from peercycle.agents.literature.local.source import LocalLiterature
from peercycle.agents.models.scripted import ScriptedModel, ScriptedModelSettings
from peercycle.agents.policies.direct import DirectPolicy, DirectSettings
from peercycle.agents.policies.extractive.policy import ExtractivePolicy
from peercycle.agents.policies.extractive.settings import ExtractiveSettings
from peercycle.agents.reviewers.rubric.reviewer import RubricReviewer
from peercycle.agents.reviewers.rubric.settings import RubricSettings
from peercycle.agents.reviewers.scripted import ScriptedReviewer, ScriptedReviewerSettings
from peercycle.agents.rewards import ChecksPassed, Composite, CompositeSettings, MeanRating, MinRating
from peercycle.core.contracts import NoSettings
from peercycle.plugins.manager import KINDS, Kind, Plugins
from peercycle.plugins.testing import (
    LiteratureContract,
    PolicyContract,
    ReviewerContract,
    RewardContract,
)


def test_everything_built_in_is_offered_and_can_be_made() -> None:
    plugins = Plugins.load(entry_points=False, environ={})
    offered: dict[Kind, tuple[str, ...]] = {kind: plugins.names(kind) for kind in KINDS}
    assert plugins.problems == ()
    assert offered == {
        "models": ("openai", "replay", "scripted", "transformers", "vllm"),
        "policies": ("cycleresearcher", "direct", "extractive", "prompted", "scripted"),
        "reviewers": ("cyclereviewer", "deepreviewer", "prompted", "rubric", "scripted"),
        "rewards": ("checks", "composite", "mean-rating", "min-rating"),
        "literature": ("arxiv", "crossref", "local", "openalex", "semantic-scholar"),
        "sandboxes": ("bubblewrap", "docker"),
        "trainers": ("sft", "simpo", "trl-cpo"),
        "exporters": ("html", "latex", "pdf", "report"),
    }
    for kind, names in offered.items():
        for name in names:
            assert plugins.create(kind, name, SETTINGS.get(name, {})) is not None
    assert plugins.show("builtin")["problem"] is None


class TestDirect(PolicyContract):
    def policy(self) -> Any:
        return DirectPolicy(DirectSettings())

    def model(self) -> Any:
        answers = ("We cite \\cite{work01} and \\cite{work02}.",)
        return ScriptedModel(ScriptedModelSettings(answers=answers, repeat=True))


class TestExtractive(PolicyContract):
    def policy(self) -> Any:
        return ExtractivePolicy(ExtractiveSettings())


class TestRubric(ReviewerContract):
    def reviewer(self) -> Any:
        return RubricReviewer(RubricSettings())


class TestScriptedReviewer(ReviewerContract):
    def reviewer(self) -> Any:
        return ScriptedReviewer(ScriptedReviewerSettings())


class TestMeanRating(RewardContract):
    def reward(self) -> Any:
        return MeanRating(NoSettings())


class TestMinRating(RewardContract):
    def reward(self) -> Any:
        return MinRating(NoSettings())


class TestComposite(RewardContract):
    def reward(self) -> Any:
        return Composite(CompositeSettings())


class TestChecksPassed(RewardContract):
    """Counts statements, not ratings: only the paper without any is worth nothing."""

    def reward(self) -> Any:
        return ChecksPassed(NoSettings())


class TestLocalLiterature(LiteratureContract):
    def source(self) -> Any:
        return LocalLiterature(LocalSettings())
