"""The proof in small: a tiny model, warmed up, learns through the graph's own sampling and reviewing."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peercycle.store.policies import file_sha256, find_policy
from peercycle.trainers.loop.manifest import read_manifest

PROCESSOR = "processor_seconds"
MOST_SECONDS = 180.0
"""What a loop of one seed, 64 prompts, N = 4 and two iterations may take: of processor, since a loaded machine gives it
no more of that, and an idle one no less."""

pytestmark = [pytest.mark.timeout(1800), pytest.mark.xdist_group("learning")]


@pytest.fixture(scope="module")
def loops(
    make: Any, write_small_loop: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """Two loops of two iterations, side by side: one seed, 64 prompts, N = 4."""
    folders = tmp_path_factory.mktemp("learned"), tmp_path_factory.mktemp("again")
    drivers = []
    for folder in folders:
        write_small_loop(folder)
        make.make(folder / "made", seed=0, tasks=200, demonstrations=6000, each=1)
        with (folder / "events.jsonl").open("wb") as out, (folder / "errors").open("wb") as errors:
            drivers.append(
                subprocess.Popen(
                    [sys.executable, "-m", "peercycle", "train", "loop.toml", "--json"],
                    cwd=folder,
                    env={**os.environ, "OMP_NUM_THREADS": "1"},
                    stdout=out,
                    stderr=errors,
                )
            )
    try:
        codes = [waited(driver, folder) for driver, folder in zip(drivers, folders, strict=True)]
    finally:
        for driver in drivers:
            driver.kill()
            driver.wait()
    assert codes == [0, 0], [(folder / "errors").read_text() for folder in folders]
    return folders


def waited(driver: subprocess.Popen[bytes], folder: Path) -> int:
    """Wait for a loop, write down the processor time that it and its workers took, and return its exit code."""
    _, status, used = os.wait4(driver.pid, 0)
    driver.returncode = os.waitstatus_to_exitcode(status)
    (folder / PROCESSOR).write_text(str(used.ru_utime + used.ru_stime))
    return driver.returncode


@pytest.fixture(scope="module")
def learned(loops: tuple[Path, Path]) -> Path:
    """The first of them."""
    return loops[0]


def step(folder: Path, iteration: int, name: str) -> dict[str, Any]:
    (path,) = [
        path
        for path in (
            *folder.glob(f"loops/citing/main/{iteration:03d}/{name}"),
            *folder.glob(f"loops/citing/start-*/{name}"),
        )
        if (path / "manifest.json").exists()
        and json.loads((path / "manifest.json").read_text())["iteration"] == iteration
    ]
    manifest = read_manifest(path)
    assert manifest is not None
    return {"path": path, **manifest.model_dump()}


def test_the_loop_goes_its_whole_path_and_the_reward_does_not_fall(learned: Path) -> None:
    for iteration in (1, 2):
        sampled = step(learned, iteration, "sample")
        assert {key: sampled["figures"][key] for key in ("rollouts", "failed")} == {"rollouts": 256, "failed": 0}
        assert sampled["tokens"]["sampled"] > 1000
        pairs = step(learned, iteration, "pair")["figures"]
        assert pairs["heldout"] == 0
        assert pairs["train"] >= 32
        trained = step(learned, iteration, "train")
        assert trained["figures"]["steps"] == math.ceil(2 * pairs["train"] / 16)
        assert trained["tokens"]["trained"] > 0
    judged = [step(learned, iteration, "evaluate")["figures"] for iteration in (0, 2)]
    assert all(each["tasks"] == 24 and each["failed"] == 0 for each in judged)
    assert judged[1]["judge"] >= judged[0]["judge"], judged
    assert judged[1]["steering"] >= judged[0]["steering"], judged
    rewards = [step(learned, iteration, "reward")["figures"]["mean"] for iteration in (1, 2)]
    assert rewards[1] >= rewards[0], rewards


def test_it_takes_at_most_three_minutes(loops: tuple[Path, Path]) -> None:
    took = [float((folder / PROCESSOR).read_text()) for folder in loops]
    assert all(10 < seconds < MOST_SECONDS for seconds in took), took


def test_what_is_trained_on_is_what_the_engine_sampled(learned: Path) -> None:
    pairs = [json.loads(line) for line in (step(learned, 1, "pair")["path"] / "pairs.jsonl").read_text().splitlines()]
    rollouts = {
        f"{row['run_id']}/{row['candidate']}": row
        for row in map(json.loads, (step(learned, 1, "sample")["path"] / "rollouts.jsonl").read_text().splitlines())
    }
    for pair in pairs:
        for side in ("chosen", "rejected"):
            (segment,) = pair[side]["segments"]
            row = rollouts[pair[side]["id"]]
            assert len(segment["completion_ids"]) == row["sampled_tokens"]
            assert len(segment["prompt_ids"]) == row["prompt_tokens"]
            assert all(segment["policy_mask"])
            assert pair[side]["reward"] == row["reward"]
        assert pair["chosen"]["task_hash"] == pair["rejected"]["task_hash"] == pair["task_hash"]


def test_the_same_loop_gives_the_same_bytes(loops: tuple[Path, Path]) -> None:
    learned, again = loops
    for iteration in (0, 1, 2):
        names = (("sample", "reward", "pair") if iteration else ()) + (("evaluate",) if iteration != 1 else ())
        for name in names:
            outputs = [dict(step(folder, iteration, name)["outputs"]) for folder in loops]
            assert outputs[0] == outputs[1], f"{iteration} {name}"
    for name in ("citing-001", "citing-002"):
        policies = [find_policy(folder / "policies", name) for folder in (learned, again)]
        assert len({file_sha256(policy.weights) for policy in policies}) == 1, name


def test_a_run_with_the_trained_policy_by_its_name(learned: Path) -> None:
    works = "".join(f"@misc{{k{n:02d}, title = {{Work {n}}}}}\n" for n in (3, 5, 8, 13))
    (learned / "refs.bib").write_text(works)
    (learned / "peercycle.toml").write_text(
        '[run]\nskip = ["literature", "related", "plan", "experiment"]\nexperiments = "off"\nsandbox = "none"\n'
        'exporters = ["latex"]\nplugins = ["citing.py"]\nreviewer = "citing"\n'
    )
    asked = ["run", "refs.bib", "--topic", "what the prompt lists", "--candidates", "4", "--rounds", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "peercycle", *asked, "--policy", "citing", "--run-id", "named"],
        cwd=learned,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    best = find_policy(learned / "policies", "citing")
    assert f"policy: citing, trained: direct on weights {best.record.weights_sha256[:12]}" in done.stdout
    record = json.loads((learned / "runs/named/run.json").read_text())
    assert record["fingerprint"]["checkpoint"] == f"citing@{best.record.weights_sha256}"
    assert record["options"]["policy"] == "direct"
    tex = (learned / "runs/named/paper/paper.tex").read_text()
    assert "\\cite" in tex
