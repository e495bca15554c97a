"""A loop that is killed in every step ends with the weights of one that was not."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from peercycle.core.base import sha256_hex
from peercycle.trainers.loop.manifest import STEPS, StepName, read_manifest

Write = Callable[..., Path]
COMMAND = ["python", "-m", "peercycle", "train", "loop.toml", "--json"]
SLOW = {
    "engine": "settings = { delay_s = 0.05 }",
    "train": "settings = { seconds = 0.6 }",
    # More than one round of the tasks: which runs there are in the next one rests on what the killed ones sampled.
    "sample": "tokens = 600",
}
DELAYS: dict[StepName, float] = {"sample": 1.5, "train": 1.0, "evaluate": 1.5}
"""How long after its beginning a step is killed, in seconds: long enough that its process works."""


def drive(folder: Path, arguments: list[str] | None = None) -> subprocess.Popen[str]:
    import sys

    command = [sys.executable, *COMMAND[1:], *(arguments or [])]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)


def events(driver: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    assert driver.stdout is not None
    for line in driver.stdout:
        yield json.loads(line)


def kill_in(folder: Path, iteration: int, step: StepName) -> bool:
    """Drive the loop, and kill it -9 while the step is in hand; tell whether it came to that step."""
    driver = drive(folder)
    try:
        for event in events(driver):
            if (event["event"], event.get("iteration"), event.get("step")) == ("begin", iteration, step):
                time.sleep(DELAYS.get(step, 0.0))
                driver.send_signal(signal.SIGKILL)
                return True
        return False
    finally:
        driver.kill()
        driver.wait()
        assert driver.stdout is not None
        driver.stdout.close()


def workers_of(folder: Path) -> list[int]:
    """Return the processes whose command line names this folder."""
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
            if b"--job" in words and path.with_name("cwd").readlink() == folder:
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def finish(folder: Path, *arguments: str) -> None:
    driver = drive(folder, list(arguments))
    last = list(events(driver))[-1]
    assert driver.wait() == 0
    assert driver.stdout is not None
    driver.stdout.close()
    assert last["event"] == "done"


def made(folder: Path) -> dict[str, str]:
    """Return the hashes of all that the steps made and that is content: weights, pairs, rewards, figures."""
    found: dict[str, str] = {}
    for path in sorted(folder.glob("loops/toy/*/*/")):
        for step in STEPS:
            manifest = read_manifest(path / step)
            if manifest is not None:
                found |= {f"{path.name}/{step}/{name}": digest for name, digest in manifest.outputs.items()}
    weights = folder / "policies"
    found |= {path.parent.name: sha256_hex(path.read_bytes()) for path in weights.glob("*/model.safetensors")}
    # A registry's record says where the base of its weights lay.
    return {name: digest for name, digest in found.items() if not name.endswith("policy.json")}


def rolled(folder: Path) -> list[str]:
    """Return every rollout, for hashes that differ do not say what of it did."""
    files = sorted(folder.glob("loops/toy/*/*/*/rollouts.jsonl"))
    return [f"{path.parent.parent.name} {line}" for path in files for line in path.read_text().splitlines()]


@pytest.mark.timeout(900)
def test_a_loop_that_is_killed_in_every_step_ends_with_the_weights_of_one_that_was_not(toy_loop: Write) -> None:
    whole, killed = toy_loop("whole", **SLOW), toy_loop("killed", **SLOW)
    finish(whole)
    for step in STEPS:
        assert kill_in(killed, 1, step), f"the loop never began {step}"
        assert read_manifest(killed / f"loops/toy/main/001/{step}") is None or step not in DELAYS
        deadline = time.monotonic() + 10
        while workers_of(killed) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert workers_of(killed) == [], f"the process of {step} outlived its loop"
    finish(killed)
    expected = made(whole)
    assert any(name.endswith("pairs.jsonl") for name in expected)
    assert rolled(killed) == rolled(whole)
    assert made(killed) == expected


def killed_at_random(folder: Path, rng: random.Random, times: int) -> int:
    """Kill the loop at random moments, so many times or until it has ended; return how often it was."""
    for number in range(times):
        driver = drive(folder, ["--iterations", "3"])
        time.sleep(rng.uniform(0.5, 8.0))
        ended = driver.poll() is not None
        driver.kill()
        driver.wait()
        assert driver.stdout is not None
        driver.stdout.close()
        if ended:
            return number
    return times


@pytest.mark.prove(rank=95)
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(4))
def test_a_loop_that_is_killed_again_and_again_ends_as_one_that_was_not(toy_loop: Write, seed: int) -> None:
    whole, killed = toy_loop("whole", **SLOW), toy_loop("killed", **SLOW)
    finish(whole, "--iterations", "3")
    assert killed_at_random(killed, random.Random(seed), 25) > 0
    finish(killed, "--iterations", "3")
    assert rolled(killed) == rolled(whole)
    assert made(killed) == made(whole)


@pytest.mark.timeout(300)
def test_a_step_whose_output_was_changed_is_named_and_not_gone_on_from(toy_loop: Write) -> None:
    folder = toy_loop()
    assert kill_in(folder, 1, "train")
    pairs = folder / "loops/toy/main/001/pair/pairs.jsonl"
    pairs.write_bytes(pairs.read_bytes()[:-10])
    import sys

    done = subprocess.run(
        [sys.executable, *COMMAND[1:-1]], cwd=folder, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "pairs.jsonl' is not what the step wrote" in line
    assert "to have the step done again" in line
