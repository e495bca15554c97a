"""What comes with peercycle, offered through the same hooks as anybody's plugin."""

from __future__ import annotations

from peercycle.plugins.builtin.exporters import register_exporters
from peercycle.plugins.builtin.literature import register_literature
from peercycle.plugins.builtin.models import register_models
from peercycle.plugins.builtin.policies import register_policies
from peercycle.plugins.builtin.reviewers import register_reviewers
from peercycle.plugins.builtin.rewards import register_rewards
from peercycle.plugins.builtin.sandboxes import register_sandboxes
from peercycle.plugins.builtin.trainers import register_trainers

requires_api = "1"

__all__ = [
    "register_exporters",
    "register_literature",
    "register_models",
    "register_policies",
    "register_reviewers",
    "register_rewards",
    "register_sandboxes",
    "register_trainers",
]
