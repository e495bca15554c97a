"""The contract of trainers, on ours.

Each play is a process of its own that imports torch and transformers: minutes for a class, so all are long proofs.
What they ask is asked in one process by `test_simpo_training.py`.
"""

from __future__ import annotations

from typing import Any

import pytest
from tests.trainers.tiny import tiny_folder

from peercycle.core.contracts import Trainer
from peercycle.plugins.manager import Plugins
from peercycle.plugins.testing import TrainerContract

FAST = {"learning_rate": 1e-3, "batch_pairs": 1, "probe_tokens": 8}


def trainer_named(name: str, **settings: Any) -> Trainer:
    """Return a trainer as a run would get it: by name, through the hooks."""
    made: Trainer = Plugins.load(entry_points=False).create("trainers", name, settings)
    return made


@pytest.mark.prove(rank=95)
class TestSimpo(TrainerContract):
    """`simpo` with an adapter."""

    def trainer(self) -> Trainer:
        """Return it by name."""
        return trainer_named("simpo", **FAST)

    def base(self) -> str:
        """Return a tiny model."""
        return str(tiny_folder())


@pytest.mark.prove(rank=95)
class TestSimpoOnWholeWeights(TestSimpo):
    """`simpo` on all weights."""

    def trainer(self) -> Trainer:
        """Return it by name."""
        return trainer_named("simpo", method="full", memory_mode="group", **FAST)


@pytest.mark.prove(rank=95)
class TestSft(TestSimpo):
    """`sft` on the winners."""

    def trainer(self) -> Trainer:
        """Return it by name."""
        return trainer_named("sft", learning_rate=1e-3, batch_pairs=1)


@pytest.mark.prove(rank=95)
class TestTrlCpo(TestSimpo):
    """`trl-cpo`."""

    def trainer(self) -> Trainer:
        """Return it by name."""
        return trainer_named("trl-cpo", **FAST)
