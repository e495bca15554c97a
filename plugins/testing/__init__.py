"""Contracts that a plugin's components can be tested against, as pytest base classes.

    from peercycle.plugins.testing import RewardContract

    class TestShortest(RewardContract):
        def reward(self):
            return Shortest()

Each check is a test of its own. Every contract runs its subject twice, the second time with the world refused
and the journal of the first to answer, and once with a kill and a resume.
"""

from __future__ import annotations

from peercycle.plugins.testing.attacks import AttackContract
from peercycle.plugins.testing.contract import Contract, ReplayContract, failures
from peercycle.plugins.testing.exporters import ExporterContract
from peercycle.plugins.testing.literature import LiteratureContract
from peercycle.plugins.testing.models import ModelContract
from peercycle.plugins.testing.policies import PolicyContract
from peercycle.plugins.testing.reviewers import ReviewerContract
from peercycle.plugins.testing.rewards import RewardContract
from peercycle.plugins.testing.sandboxes import SandboxContract
from peercycle.plugins.testing.stages import StageContract
from peercycle.plugins.testing.trainers import TrainerContract

__all__ = [
    "AttackContract",
    "Contract",
    "ExporterContract",
    "LiteratureContract",
    "ModelContract",
    "PolicyContract",
    "ReplayContract",
    "ReviewerContract",
    "RewardContract",
    "SandboxContract",
    "StageContract",
    "TrainerContract",
    "failures",
]
