"""A loop from its first step to its ending, of parts that need no torch: processes, files and registry are real."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peercycle.store.lease import take_lease
from peercycle.store.policies import find_policy, list_policies
from peercycle.trainers.loop.manifest import STEPS, read_manifest

Train = Callable[..., Any]
Write = Callable[..., Path]

pytestmark = pytest.mark.timeout(1200)


def events(done: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def status(folder: Path, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "peercycle", "status", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_loop_leaves_a_manifest_for_every_step_and_a_policy_for_every_iteration(
    train: Train, toy_loop: Write
) -> None:
    folder = toy_loop()
    done = train(["loop.toml", "--iterations", "2", "--json"], folder)
    assert done.returncode == 0, done.stderr
    for iteration in (1, 2):
        for step in STEPS:
            manifest = read_manifest(folder / f"loops/toy/main/{iteration:03d}/{step}")
            assert manifest is not None, f"{iteration} {step}"
            assert manifest.inputs, f"{iteration} {step} names no input"
            assert manifest.versions["peercycle"]
            assert all(len(digest) == 64 for digest in manifest.outputs.values())
    assert list_policies(folder / "policies") == ("toy", "toy-001", "toy-002")
    last = events(done)[-1]
    assert (last["event"], last["reason"], last["iterations"], last["best"]) == (
        "done",
        "iteration_limit",
        2,
        "toy-002",
    )
    best = find_policy(folder / "policies", "toy")
    assert best.record.weights_sha256 == find_policy(folder / "policies", "toy-002").record.weights_sha256
    assert best.record.iteration == 2
    evaluated = read_manifest(folder / "loops/toy/main/002/evaluate")
    assert evaluated is not None
    assert best.record.metrics["heldout_judge"] == evaluated.figures["judge"]
    assert best.record.settings == {"prompt": "cite {keys}"}
    told = status(folder, "toy", "--json")
    assert [(each["status"], each["iterations"], each["best"]) for each in told["loops"]] == [
        ("finished", 2, "toy-002")
    ]
    assert {(step["iteration"], step["step"]) for step in told["loops"][0]["steps"]} >= {
        (1, "sample"),
        (2, "promote"),
    }
    # The same command again does nothing again.
    again = train(["loop.toml", "--iterations", "2", "--json"], folder)
    assert events(again) == [last]


def test_a_loop_that_is_driven_already_is_refused_and_says_how_it_ends(train: Train, toy_loop: Write) -> None:
    folder = toy_loop()
    held = folder / "loops" / "toy" / "main"
    held.mkdir(parents=True)
    lease = take_lease(held)
    try:
        done = train(["loop.toml"], folder)
    finally:
        lease.release()
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: a loop's folder 'main' is driven by process ")
    assert "Ctrl-C" in line


def test_a_loop_that_ended_at_its_limit_goes_on_behind_it(train: Train, toy_loop: Write) -> None:
    folder = toy_loop("once")
    assert train(["loop.toml"], folder).returncode == 0
    further = train(["loop.toml", "--iterations", "2", "--json"], folder)
    assert further.returncode == 0, further.stderr
    fresh = {(event["iteration"], event["step"]) for event in events(further) if event.get("fresh")}
    assert fresh == {(2, step) for step in STEPS}


def test_a_failed_rollout_is_recorded_and_does_not_end_the_iteration(train: Train, toy_loop: Write) -> None:
    folder = toy_loop(engine="settings = { broken_every = 4 }")
    done = train(["loop.toml", "--iterations", "1", "--json"], folder)
    assert done.returncode == 0, done.stderr
    sampled = read_manifest(folder / "loops/toy/main/001/sample")
    assert sampled is not None
    rows = [
        json.loads(line) for line in (folder / "loops/toy/main/001/sample/rollouts.jsonl").read_text().splitlines()
    ]
    failed = [row for row in rows if row["status"] == "failed"]
    assert 0 < len(failed) < len(rows) == 15
    assert len(failed) == sampled.figures["failed"]
    assert all("this seed is refused" in row["error"] for row in failed)
    assert all(row["reward"] is None for row in failed)


def test_a_budget_of_sampled_tokens_is_spent_on_the_same_tasks_again(train: Train, toy_loop: Write) -> None:
    folder = toy_loop(sample="tokens = 600")
    done = train(["loop.toml", "--json"], folder)
    assert done.returncode == 0, done.stderr
    place = folder / "loops/toy/main/001"
    rows = [json.loads(line) for line in (place / "sample/rollouts.jsonl").read_text().splitlines()]
    by_run: dict[str, int] = {}
    for row in rows:
        by_run[row["run_id"]] = by_run.get(row["run_id"], 0) + row["sampled_tokens"]
    spent, widest = sum(by_run.values()), max(by_run.values())
    assert abs(spent - 600) <= widest, f"{spent} tokens sampled, a run takes {widest}"
    assert len({row["task"] for row in rows}) == 5
    assert len(by_run) > 5, "one round of the tasks was enough, so that the test shows nothing"
    # Other seeds: the second round is not the first one told again.
    texts = {run: [row["sampled_tokens"] for row in rows if row["run_id"] == run] for run in by_run}
    first = [texts[f"i001-{at:05d}"] for at in range(len(by_run) - 5)]
    again = [texts[f"i001-{at:05d}"] for at in range(5, len(by_run))]
    assert first != again
    report = json.loads((place / "pair/report.json").read_text())
    assert report["pairs"] <= 5, "a task has one best and one worst, in however many runs"


def test_a_budget_is_given_up_where_a_round_samples_nothing(train: Train, toy_loop: Write) -> None:
    """Only the seeds of the first round are answered: without an end, thousands of runs would fail in turn."""
    folder = toy_loop(engine="settings = { answered = 15 }", sample="tokens = 100000\nleast = 0.0")
    assert train(["loop.toml", "--json"], folder).returncode == 0
    rows = (folder / "loops/toy/main/001/sample/rollouts.jsonl").read_text().splitlines()
    assert 15 <= len(rows) <= 40


def test_a_budget_below_one_round_of_the_tasks_is_no_reason_to_leave_one_out(train: Train, toy_loop: Write) -> None:
    folder = toy_loop(sample="tokens = 1")
    assert train(["loop.toml", "--json"], folder).returncode == 0
    rows = (folder / "loops/toy/main/001/sample/rollouts.jsonl").read_text().splitlines()
    assert len(rows) == 5 * 3


def test_a_policy_of_which_no_held_out_rollout_ends_is_no_beginning(train: Train, toy_loop: Write) -> None:
    folder = toy_loop(engine="settings = { broken_every = 1 }")
    done = train(["loop.toml"], folder)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: none of the ")
    assert "on held-out tasks came to an end" in line
    assert "this seed is refused" in line
    # An engine that works is another beginning.
    path = folder / "loop.toml"
    path.write_text(path.read_text().replace("broken_every = 1", "broken_every = 0"))
    assert train(["loop.toml", "--iterations", "1"], folder).returncode == 0


def test_an_iteration_of_which_too_many_rollouts_fail_says_why_and_how_to_go_on(
    train: Train, toy_loop: Write
) -> None:
    folder = toy_loop(engine="settings = { broken_every = 3 }", sample="least = 1.0")
    done = train(["loop.toml", "--iterations", "1"], folder)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "of 15 rollouts of iteration 1 failed, the first: " in line
    assert "this seed is refused" in line
    path, begun = folder / "loop.toml", "loops/toy/main"
    mended = path.read_text().replace("broken_every = 3", "broken_every = 0")
    path.write_text(mended)
    refused = train(["loop.toml", "--iterations", "1"], folder)
    assert refused.returncode == 2
    assert f"begun with another engine.settings.broken_every; set it back, or remove '{begun}'" in refused.stderr
    shutil.rmtree(folder / begun)
    assert train(["loop.toml", "--iterations", "1"], folder).returncode == 0


def test_what_an_iteration_asks_of_its_rollouts_may_be_lowered(train: Train, toy_loop: Write) -> None:
    folder = toy_loop(engine="settings = { broken_every = 3 }", sample="least = 1.0")
    assert train(["loop.toml", "--iterations", "1"], folder).returncode == 1
    path = folder / "loop.toml"
    path.write_text(path.read_text().replace("least = 1.0", "least = 0.5"))
    done = train(["loop.toml", "--iterations", "1"], folder)
    assert done.returncode == 0, done.stderr


def test_a_trainer_that_fails_is_told_in_one_line_and_its_iteration_can_be_gone_on_with(
    train: Train, toy_loop: Write
) -> None:
    folder = toy_loop(train="settings = { fail = true }")
    done = train(["loop.toml"], folder)
    assert done.returncode == 1
    assert "the loss is not finite" in done.stderr.splitlines()[-1]
    assert read_manifest(folder / "loops/toy/main/001/pair") is not None
    assert read_manifest(folder / "loops/toy/main/001/train") is None
    path = folder / "loop.toml"
    path.write_text(path.read_text().replace("fail = true", "fail = false"))
    assert train(["loop.toml", "--iterations", "1"], folder).returncode == 0


def test_a_loop_is_not_gone_on_with_under_other_settings(train: Train, toy_loop: Write) -> None:
    folder = toy_loop()
    assert train(["loop.toml", "--iterations", "1"], folder).returncode == 0
    path = folder / "loop.toml"
    path.write_text(path.read_text().replace("candidates = 3", "candidates = 4"))
    done = train(["loop.toml"], folder)
    assert done.returncode == 2
    assert "begun with another sample.candidates" in done.stderr
    assert "another name" in done.stderr


def test_an_engine_that_serves_other_weights_is_caught(train: Train, toy_loop: Write) -> None:
    folder = toy_loop(engine='settings = { revision = "0123456789abcdef" }')
    done = train(["loop.toml"], folder)
    assert done.returncode == 1
    assert "came from weights 0123456789ab" in done.stderr.splitlines()[-1]
    assert "prefix cache" in done.stderr.splitlines()[-1]


def test_a_shuffled_reward_leaves_as_many_pairs_as_wide(train: Train, toy_loop: Write) -> None:
    folder = toy_loop("plain")
    text = (folder / "loop.toml").read_text() + "\n[arms.plain]\n\n[arms.shuffled.reward]\nshuffled = true\n"
    (folder / "loop.toml").write_text(text)
    done = train(["loop.toml", "--arm", "all", "--iterations", "1", "--json"], folder)
    assert done.returncode == 0, done.stderr
    tables = {
        arm: [
            json.loads(line)
            for line in (folder / f"loops/toy/{arm}/001/reward/rewards.jsonl").read_text().splitlines()
        ]
        for arm in ("plain", "shuffled")
    }
    by_task = {arm: sorted((row["task"], row["reward"]) for row in rows) for arm, rows in tables.items()}
    assert by_task["plain"] == by_task["shuffled"]
    assert tables["plain"] != tables["shuffled"]
    (arms,) = [event for event in events(done) if event["event"] == "arms"]
    assert [row["arm"] for row in arms["arms"]] == ["plain", "shuffled"]
    plain, shuffled = arms["arms"]
    for figure in ("tasks", "prompts", "all_prompts", "sampled_tokens", "updates", "start"):
        assert plain[figure] == shuffled[figure] is not None, figure
    assert plain["over"]["shuffled"]["n"] == len(
        [1 for line in (folder / "loops/toy/plain/001/evaluate/tasks.jsonl").read_text().splitlines() if line]
    )


def test_a_sampler_that_stays_starts_its_engine_once_and_gives_the_same_loop(train: Train, toy_loop: Write) -> None:
    apart = toy_loop("apart", engine='settings = { log = "starts" }')
    stays = toy_loop("stays", engine='settings = { log = "starts" }', sample="stay = true")
    for folder in (apart, stays):
        done = train(["loop.toml"], folder)
        assert done.returncode == 0, done.stderr
    starts = [len((folder / "starts").read_text().splitlines()) for folder in (apart, stays)]
    assert starts[1] == 1 < starts[0]
    for name in ("001/sample/rollouts.jsonl", "001/pair/pairs.jsonl", "001/evaluate/evaluation.json"):
        one, other = ((folder / "loops/toy/main" / name).read_bytes() for folder in (apart, stays))
        assert one == other, name
    weights = [find_policy(folder / "policies", "toy-001").record.weights_sha256 for folder in (apart, stays)]
    assert weights[0] == weights[1]


def test_an_engine_that_was_told_to_reload_and_did_not_is_caught(train: Train, toy_loop: Write) -> None:
    folder = toy_loop(engine="settings = { deaf = true }", sample="stay = true")
    done = train(["loop.toml"], folder)
    assert done.returncode == 1
    assert "the engine has not loaded the new policy" in done.stderr.splitlines()[-1]
    assert read_manifest(folder / "loops/toy/main/001/sample") is not None
    assert read_manifest(folder / "loops/toy/main/001/evaluate") is None


def test_a_loop_without_a_judge_of_its_own_says_so_wherever_it_promotes(train: Train, toy_loop: Write) -> None:
    folder = toy_loop()
    text = (folder / "loop.toml").read_text()
    (folder / "loop.toml").write_text(text.replace('judge = "toy-judge"\n', ""))
    done = train(["loop.toml"], folder)
    assert done.returncode == 0, done.stderr
    assert "warning: no judge is set, and 'toy' both selects and judges" in done.stderr
    promoted = read_manifest(folder / "loops/toy/main/001/promote")
    assert promoted is not None
    assert str(promoted.figures["why"]).startswith("the selecting reviewer's gain is ")
    assert json.loads((folder / "loops/toy/main/001/evaluate/evaluation.json").read_bytes())["independent"] is False
