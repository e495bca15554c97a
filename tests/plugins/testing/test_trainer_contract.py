"""The contract of trainers, held to by trainers broken on purpose."""

# A component that is broken on purpose may override its parent with other parameters.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import hashlib
import os
import random
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from peercycle.core.errors import BadInputError
from peercycle.core.training import PolicyCheckpoint, PreferencePair
from peercycle.plugins.testing import TrainerContract, failures


class TokenWeights:
    """A good trainer, if a small one: one weight per token, by gradient steps on a pairwise logistic loss."""

    def noise(self) -> float:
        return 0.0

    def hash_of(self, body: bytes) -> str:
        return hashlib.sha256(body).hexdigest()

    def train(
        self,
        pairs: Iterable[PreferencePair],
        base: str,
        out: Path,
        settings: BaseModel,
        on_metric: Callable[[str, float, int], None],
    ) -> PolicyCheckpoint:
        known = list(pairs)
        if not known:
            raise BadInputError("there are no pairs to train on")
        weights = [self.noise()] * 16
        for step, pair in enumerate(known):
            for episode, sign in ((pair.chosen, 0.1), (pair.rejected, -0.1)):
                for token in episode.segments[0].completion_ids:
                    weights[token] += sign
            on_metric("loss", 1.0 / (1 + step), step)
        body = struct.pack("16d", *weights)
        out.mkdir(parents=True, exist_ok=True)
        (out / "weights.bin").write_bytes(body)
        return PolicyCheckpoint(
            name="tokens",
            policy="prompted",
            base_model=base,
            weights="weights.bin",
            weights_sha256=self.hash_of(body),
        )


class TestGoodTrainer(TrainerContract):
    def trainer(self) -> Any:
        return TokenWeights()


class WrongHash(TokenWeights):
    def hash_of(self, body: bytes) -> str:
        return hashlib.sha256(body + b"!").hexdigest()


class NoWeights(TokenWeights):
    def train(self, pairs: Any, base: str, out: Path, *rest: Any) -> PolicyCheckpoint:
        made = super().train(pairs, base, out, *rest)
        (out / made.weights).unlink()
        return made


class AbsolutePath(TokenWeights):
    def train(self, pairs: Any, base: str, out: Path, *rest: Any) -> PolicyCheckpoint:
        made = super().train(pairs, base, out, *rest)
        return made.model_copy(update={"weights": str(out / made.weights)})


class Unseeded(TokenWeights):
    def noise(self) -> float:
        return random.SystemRandom().random()


class SaysNoMetric(TokenWeights):
    def train(self, pairs: Any, base: str, out: Path, settings: Any, on_metric: Any) -> PolicyCheckpoint:
        return super().train(pairs, base, out, settings, lambda *_: None)


class Diverges(TokenWeights):
    def train(self, pairs: Any, base: str, out: Path, settings: Any, on_metric: Any) -> PolicyCheckpoint:
        return super().train(pairs, base, out, settings, lambda name, _, step: on_metric(name, float("nan"), step))


class WritesBeside(TokenWeights):
    def train(self, pairs: Any, base: str, out: Path, *rest: Any) -> PolicyCheckpoint:
        (out.parent / f"log-{os.getpid()}.txt").write_text("training")
        return super().train(pairs, base, out, *rest)


class ForgetsTheBase(TokenWeights):
    def train(self, pairs: Any, base: str, out: Path, *rest: Any) -> PolicyCheckpoint:
        return super().train(pairs, base, out, *rest).model_copy(update={"base_model": "unknown"})


class TrainsOnNothing(TokenWeights):
    def train(self, pairs: Any, base: str, out: Path, *rest: Any) -> PolicyCheckpoint:
        known = list(pairs)
        if known:
            return super().train(known, base, out, *rest)
        return PolicyCheckpoint(name="t", policy="p", base_model=base, weights="w", weights_sha256="0" * 64)


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (WrongHash, "test_the_checkpoint_names_weights_that_are_there_with_their_hash"),
        (NoWeights, "test_the_checkpoint_names_weights_that_are_there_with_their_hash"),
        (AbsolutePath, "test_the_checkpoint_names_weights_that_are_there_with_their_hash"),
        (Unseeded, "test_the_same_pairs_give_the_same_weights"),
        (SaysNoMetric, "test_metrics_are_reported_and_finite"),
        (Diverges, "test_metrics_are_reported_and_finite"),
        (WritesBeside, "test_nothing_is_written_beside_the_folder"),
        (ForgetsTheBase, "test_the_checkpoint_says_what_it_was_trained_from"),
        (TrainsOnNothing, "test_no_pairs_is_an_error"),
    ],
)
def test_the_trainer_contract_catches(broken: type[Any], check: str) -> None:
    class Held(TrainerContract):
        def trainer(self) -> Any:
            return broken()

    assert check in failures(Held, only=check)
