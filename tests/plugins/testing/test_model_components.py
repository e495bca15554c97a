"""Policies and reviewers that ask a model, held to the contracts that third parties' components are held to."""

from __future__ import annotations

from typing import Any

from tests.agents.schema_model import SchemaModel

from peercycle.agents.policies.prompted.policy import PromptedPolicy
from peercycle.agents.policies.prompted.settings import PromptedSettings
from peercycle.plugins.testing import PolicyContract


class TestPrompted(PolicyContract):
    def policy(self) -> Any:
        return PromptedPolicy(PromptedSettings(sections=3, experiments=2))

    def model(self) -> Any:
        return SchemaModel()
