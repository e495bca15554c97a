"""A loop of a real model, engine and trainer that is killed where they work ends with the weights of one that was not."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.trainers.loop.test_loop_killed import drive, events, finish, made, rolled, workers_of

from peercycle.core.base import canonical_json
from peercycle.trainers.loop.manifest import StepName, read_manifest

LOOP = """
name = "toy"
iterations = 1
plugins = ["tiny_parts.py"]

[start]
base = "model"
settings = { prompt = "cite {keys}", temperature = 1.0, max_tokens = 20 }

[tasks]
file = "tasks.jsonl"
heldout = 0.4

[run]
reviewer = "letters"
judge = "other-letters"
skip = ["literature", "outline", "related", "plan", "experiment", "conclude", "check"]

[engine]
name = "transformers"
settings = { dtype = "float64", max_batch = 8 }

[sample]
tasks = 8
candidates = 3
parallel = 2

[train]
trainer = "simpo"

[train.settings]
method = "full"
learning_rate = 1e-3
batch_pairs = 2
epochs = 6.0
save_every = 1
checkpointing = false
probe_prompts = 0

[evaluate]
tasks = 4
candidates = 2
"""


def write_loop(make: Any, folder: Path) -> Path:
    folder.mkdir()
    make.make_model(folder / "model", 0)
    rng = random.Random(0)
    tasks = [make.make_task(rng) for _ in range(24)]
    (folder / "tasks.jsonl").write_bytes(b"".join(canonical_json(task) + b"\n" for task in tasks))
    shutil.copyfile(Path(__file__).with_name("tiny_parts.py"), folder / "tiny_parts.py")
    (folder / "loop.toml").write_text(LOOP, encoding="utf-8")
    return folder


def runs(folder: Path) -> int:
    return len([*folder.glob("runs/i*/run.json"), *folder.glob("runs/heldout*/run.json")])


def checkpoints(folder: Path) -> int:
    return len([*folder.glob("out/checkpoints/checkpoint-*")])


WORKS: dict[StepName, Callable[[Path], bool]] = {
    # Two at a time: in the third, one run at least has ended and another is in hand.
    "sample": lambda folder: runs(folder) >= 3,
    "train": lambda folder: checkpoints(folder) >= 1,
    "evaluate": lambda folder: runs(folder) >= 3,
}
"""Whether a step's process is in the middle of its work."""


def kill_within(folder: Path, step: StepName) -> None:
    """Drive the loop, and kill it -9 once the process of a step is at work."""
    place = folder / f"loops/toy/main/001/{step}"
    driver = drive(folder)
    try:
        begun = ("begin", 1, step)
        assert any((each["event"], each.get("iteration"), each.get("step")) == begun for each in events(driver))
        while not WORKS[step](place):
            assert driver.poll() is None, f"{step} ended and was never seen at work"
            time.sleep(0.005)
        driver.send_signal(signal.SIGKILL)
    finally:
        driver.kill()
        driver.wait()
        assert driver.stdout is not None
        driver.stdout.close()
    assert read_manifest(place) is None, f"{step} was done before it was killed"
    deadline = time.monotonic() + 30
    while workers_of(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert workers_of(folder) == [], f"the process of {step} outlived its loop"


@pytest.mark.prove(rank=40)
@pytest.mark.timeout(1800)
def test_a_loop_of_a_real_model_killed_at_work_ends_with_the_weights_of_one_that_was_not(
    make: Any, tmp_path: Path
) -> None:
    whole, killed = write_loop(make, tmp_path / "whole"), write_loop(make, tmp_path / "killed")
    finish(whole)
    for step in WORKS:
        kill_within(killed, step)
    finish(killed)
    expected = made(whole)
    assert {"001/pair/pairs.jsonl", "001/train/out/model.safetensors", "toy-001"} <= expected.keys()
    base = read_manifest(whole / "loops/toy/main/001/train")
    assert base is not None and base.tokens["trained"] > 0
    assert rolled(killed) == rolled(whole)
    assert made(killed) == expected
