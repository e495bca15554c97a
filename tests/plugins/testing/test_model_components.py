"""Policies and reviewers that ask a model, held to the contracts that third parties' components are held to."""

from __future__ import annotations

from typing import Any

from tests.agents.protocol_model import ProtocolModel
from tests.agents.schema_model import SchemaModel

from peercycle.agents.policies.cycleresearcher.policy import CycleResearcherPolicy
from peercycle.agents.policies.cycleresearcher.settings import CycleResearcherSettings
from peercycle.agents.policies.prompted.policy import PromptedPolicy
from peercycle.agents.policies.prompted.settings import PromptedSettings
from peercycle.agents.reviewers.cyclereviewer import CycleReviewer, CycleReviewerSettings
from peercycle.agents.reviewers.deepreviewer import DeepReviewer, DeepReviewerSettings
from peercycle.agents.reviewers.prompted.reviewer import PromptedReviewer
from peercycle.agents.reviewers.prompted.settings import PromptedReviewerSettings
from peercycle.plugins.testing import PolicyContract, ReviewerContract


class TestPrompted(PolicyContract):
    def policy(self) -> Any:
        return PromptedPolicy(PromptedSettings(sections=3, experiments=2))

    def model(self) -> Any:
        return SchemaModel()


class TestCycleResearcher(PolicyContract):
    def policy(self) -> Any:
        return CycleResearcherPolicy(CycleResearcherSettings())

    def model(self) -> Any:
        return ProtocolModel()


class TestPromptedReviewer(ReviewerContract):
    def reviewer(self) -> Any:
        return PromptedReviewer(PromptedReviewerSettings(reviewers=3, reflection=True))

    def model(self) -> Any:
        return SchemaModel()


class TestCycleReviewer(ReviewerContract):
    def reviewer(self) -> Any:
        return CycleReviewer(CycleReviewerSettings())

    def model(self) -> Any:
        return ProtocolModel()


class TestDeepReviewerFast(ReviewerContract):
    def reviewer(self) -> Any:
        return DeepReviewer(DeepReviewerSettings(mode="fast"))

    def model(self) -> Any:
        return ProtocolModel()


class TestDeepReviewerStandard(ReviewerContract):
    def reviewer(self) -> Any:
        return DeepReviewer(DeepReviewerSettings(mode="standard"))

    def model(self) -> Any:
        return ProtocolModel()


class TestDeepReviewerBest(ReviewerContract):
    def reviewer(self) -> Any:
        return DeepReviewer(DeepReviewerSettings(mode="best"))

    def model(self) -> Any:
        return ProtocolModel()
