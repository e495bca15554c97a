"""The trainer's process: one trainer plugin on one iteration's pairs."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from peercycle.core.base import JSON
from peercycle.core.contracts import Trainer
from peercycle.core.errors import UsageError
from peercycle.core.training import PreferencePair
from peercycle.store.policies import write_policy
from peercycle.trainers.loop.jobs import TrainJob
from peercycle.trainers.loop.manifest import write_lines

OUT = "out"
METRICS = "metrics.jsonl"


def train(job: TrainJob, plugins: Any) -> int:
    """Train, and leave weights, their record and `metrics.jsonl` in the step's folder; return the exit code.

    `plugins` is the plugin manager of whoever calls.
    """
    # Before torch is imported: what it draws and in which order it adds must not depend on the machine's load.
    random.seed(0)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    folder = Path(job.folder)
    out = folder / OUT
    out.mkdir(parents=True, exist_ok=True)
    trainer: Trainer = plugins.create("trainers", job.trainer, job.settings)
    settings = plugins.find("trainers", job.trainer).settings_model.model_validate(job.settings)
    metrics: list[dict[str, JSON]] = []

    def report(name: str, value: float, step: int) -> None:
        metrics.append({"name": name, "value": value, "step": step})

    record = trainer.train(_pairs(job), job.base, out, settings, report)
    if Path(record.weights).is_absolute() or not (out / record.weights).is_file():
        raise UsageError(
            f"trainer {job.trainer!r} names weights at {record.weights!r}, which are not below its folder"
        )
    write_lines(folder / METRICS, metrics)
    write_policy(out, record)
    return 0


def _pairs(job: TrainJob) -> Iterator[PreferencePair]:
    if job.pairs is None:
        return
    with Path(job.pairs).open("rb") as lines:
        for line in lines:
            yield PreferencePair.model_validate_json(line)
