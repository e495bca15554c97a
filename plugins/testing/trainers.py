"""The contract of trainers."""

from __future__ import annotations

import asyncio
import hashlib
import math
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel

from peercycle.core.base import JSON
from peercycle.core.contracts import NoSettings, Trainer
from peercycle.core.training import Episode, PolicyCheckpoint, PreferencePair, Segment
from peercycle.plugins.testing.context import Bench
from peercycle.plugins.testing.contract import ReplayContract, Take


class TrainerContract(ReplayContract):
    """A trainer on two small pairs, called as an effect in a process of its own.

    class TestMine(TrainerContract):
        def trainer(self):
            return Mine()

        def base(self):
            return "path/of/a/tiny/model"
    """

    timeout_s = 300.0

    def trainer(self) -> Trainer:
        """Return a fresh trainer."""
        raise NotImplementedError

    def base(self) -> str:
        """Return the model to train: a name or a path."""
        return "tiny"

    def settings(self) -> BaseModel:
        """Return the trainer's settings."""
        return NoSettings()

    def pairs(self) -> tuple[PreferencePair, ...]:
        """Return what to train on."""
        return tuple(_pair(number) for number in range(2))

    def subject(self) -> Trainer:
        """Return a fresh trainer."""
        return self.trainer()

    async def play(self, take: Take, bench: Bench) -> JSON:
        """Train twice, into two folders."""
        said: list[JSON] = []
        for number in range(2):
            trainer = await take()
            ctx = bench.context("train", visit=number + 1)
            out = bench.folder / "out" / str(number)

            async def train(trainer: Trainer = trainer, out: Path = out) -> JSON:
                return await asyncio.to_thread(self._train, trainer, out)

            said.append(await ctx.effect("train", {"number": number}, train))
        return said

    def test_the_checkpoint_names_weights_that_are_there_with_their_hash(self) -> None:
        """`weights` is relative to the folder, and `weights_sha256` is the hash of those bytes."""
        for line in self._said():
            assert not Path(line["checkpoint"]["weights"]).is_absolute(), "the path of the weights is absolute"
            assert line["hash"], f"there are no weights at {line['checkpoint']['weights']!r}"
            assert line["hash"] == line["checkpoint"]["weights_sha256"], (
                "weights_sha256 is not the hash of the weights"
            )

    def test_the_checkpoint_says_what_it_was_trained_from(self) -> None:
        """Base model and policy are named."""
        for line in self._said():
            assert line["checkpoint"]["base_model"] == self.base(), (
                f"base_model is {line['checkpoint']['base_model']!r}"
            )
            assert line["checkpoint"]["policy"], "no policy plugin is named that can drive it"

    def test_the_same_pairs_give_the_same_weights(self) -> None:
        """Training twice with the same settings and pairs gives the same hash."""
        first, second = self._said()
        assert first["hash"] == second["hash"], "two trainings of the same pairs differ; seed everything"

    def test_metrics_are_reported_and_finite(self) -> None:
        """At least one metric, each a finite number at a step that does not go back."""
        for line in self._said():
            assert line["metrics"], "no metric was reported"
            assert all(math.isfinite(value) for _, value, _ in line["metrics"]), "a metric is not a finite number"
            steps = [step for _, _, step in line["metrics"]]
            assert steps == sorted(steps), f"steps go back: {steps}"

    def test_nothing_is_written_beside_the_folder(self) -> None:
        """All that is written lies below `out`."""
        for line in self._said():
            assert not line["beside"], f"written beside the folder: {line['beside']}"

    def test_no_pairs_is_an_error(self) -> None:
        """Training on nothing raises, and leaves no checkpoint behind."""
        from peercycle.plugins.testing.contract import temporary_folder

        with temporary_folder() as folder:
            try:
                self.trainer().train((), self.base(), folder / "out", self.settings(), lambda *_: None)
            except Exception:  # noqa: BLE001 - any error is a right answer here
                return
            raise AssertionError("training on no pairs gave a checkpoint")

    def _train(self, trainer: Trainer, out: Path) -> JSON:
        out.mkdir(parents=True, exist_ok=True)
        before = {path for path in out.parent.rglob("*") if out not in path.parents}
        metrics: list[tuple[str, float, int]] = []

        def report(name: str, value: float, step: int) -> None:
            metrics.append((name, float(value), int(step)))

        made = trainer.train(iter(self.pairs()), self.base(), out, self.settings(), report)
        assert isinstance(made, PolicyCheckpoint), f"train returned {type(made).__name__}"
        weights = out / made.weights
        digest = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else None
        after = {path for path in out.parent.rglob("*") if out not in path.parents}
        return {
            "checkpoint": made.model_dump(mode="json"),
            "hash": digest,
            "metrics": [list[JSON](metric) for metric in metrics],
            "beside": list[JSON](sorted(path.name for path in after - before)),
        }

    def _said(self) -> list[dict[str, Any]]:
        return cast(list[dict[str, Any]], self.said())


def _pair(number: int) -> PreferencePair:
    return PreferencePair(
        id=f"p{number}",
        task_hash="t" * 64,
        chosen=_episode(f"c{number}", (5, 6, 7 + number), 6.0),
        rejected=_episode(f"r{number}", (8, 9), 4.0),
        margin=2.0,
        strategy="sample",
    )


def _episode(name: str, ids: tuple[int, ...], reward: float) -> Episode:
    segment = Segment(prompt_ids=(1, 2, 3), completion_ids=ids, policy_mask=tuple(True for _ in ids))
    return Episode(id=name, run_id="bench", candidate=name, task_hash="t" * 64, segments=(segment,), reward=reward)
