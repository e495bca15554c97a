"""What a loop tells of its policies and its pairs, in its files and in its events."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Train = Callable[..., Any]
Write = Callable[..., Path]

pytestmark = pytest.mark.timeout(1200)


def test_a_loop_tells_how_its_policies_do_on_held_out_tasks_and_how_old_its_pairs_are(
    train: Train, toy_loop: Write
) -> None:
    folder = toy_loop(pairs="replay = 1.0", evaluate="candidates = 3")
    done = train(["loop.toml", "--iterations", "2", "--json"], folder)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    told = {(each["iteration"], each["step"]): each["figures"] for each in events if each["event"] == "step"}
    place = folder / "loops/toy/main/002"
    rows = [json.loads(line) for line in (place / "evaluate/rollouts.jsonl").read_text().splitlines()]
    judged = told[2, "evaluate"]
    assert judged["accepted"] == sum(row["judge_decision"] == "accept" for row in rows) / len(rows) > 0
    assert 0 < judged["accepted"] < 1, "all papers are of one decision, so that the test shows nothing"
    assert [point["n"] for point in judged["best_of_n"]] == [1, 2, 3]
    assert judged["best_of_n"][0]["judge"] == pytest.approx(judged["judge"])
    assert judged["best_of_n"][2]["judge"] > judged["judge"]
    assert judged["gap"] == pytest.approx(judged["steering"] - judged["judge"])
    assert json.loads((place / "evaluate/evaluation.json").read_text())["best_of_n"] == judged["best_of_n"]
    verdict = told[2, "promote"]
    assert 0.5 < verdict["wins_over_previous"] < verdict["wins_over_first"] < 1
    assert (told[2, "sample"]["policy"], told[2, "sample"]["policy_iteration"]) == ("toy-001", 1)
    report = told[2, "pair"]
    assert report["off_policy_age"] == {"0": report["train"], "1": report["replayed"]}
    assert report["replayed"] > 0
    assert sum(report["pairs_per_prompt"].values()) == report["tasks"] == 10


def test_replayed_pairs_of_the_policy_that_is_trained_again_are_not_off_policy(train: Train, toy_loop: Write) -> None:
    folder = toy_loop(pairs="replay = 1.0")
    path = folder / "loop.toml"
    path.write_text(path.read_text().replace('trainer = "toy"', 'trainer = "toy"\nstart = "first"'))
    assert train(["loop.toml", "--iterations", "2"], folder).returncode == 0
    report = json.loads((folder / "loops/toy/main/002/pair/report.json").read_text())
    assert report["off_policy_age"] == {"0": report["train"] + report["replayed"]}
    assert report["replayed"] > 0
