"""Killed anywhere and resumed, a run comes to what an undisturbed one comes to, and does nothing twice."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tests.graphs.crash.matrix import Crashes, Point, needs_sandbox, one_of_each, report, share, steady

PARTS = 16
SANDBOX_PARTS = 4


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_one_point_of_each_kind(crashes: Crashes, part: int) -> None:
    _, points = crashes.undisturbed(sandbox=False)
    chosen = one_of_each(points)
    assert len(chosen) > 120
    results = {p: crashes.kill_and_resume(p, sandbox=False) for p in share(chosen, part, PARTS)}
    assert not report(results), report(results)


def test_killed_while_what_a_task_wrote_is_committed_by_itself(crashes: Crashes) -> None:
    late: dict[str, Any] = {"sandbox": False, "delay_put_s": 0.02}
    points = crashes.points_of(crashes.new_run(), **late)
    chosen = [p for p in points if p.name.startswith("writes") and p.name.endswith("inside") and p.occurrence == 1]
    assert {p.name for p in chosen} == {"writes cycle inside", "writes draft inside", "writes improve inside"}
    results = {p: crashes.kill_and_resume(p, **late) for p in chosen}
    assert not report(results), report(results)


@pytest.mark.parametrize("part", range(SANDBOX_PARTS))
def test_killed_at_each_kind_of_point_of_an_experiment(sandboxed: Crashes, part: int) -> None:
    _, points = sandboxed.undisturbed(sandbox=True)
    chosen = [point for point in one_of_each(points) if needs_sandbox(point)]
    assert {point.name.rpartition(" ")[2] for point in chosen} >= {"midway", "running", "done", "settled"}
    results = {p: sandboxed.kill_and_resume(p, sandbox=True) for p in share(chosen, part, SANDBOX_PARTS)}
    assert not report(results), report(results)


def test_killed_again_during_the_resume(crashes: Crashes) -> None:
    results = {}
    for first, second in resumed_pairs(crashes, seed=1, firsts=2, seconds=5):
        results[second] = crashes.kill_and_resume(first, second, sandbox=False)
    assert len(results) >= 8
    assert not report(results), report(results)


def resumed_pairs(crashes: Crashes, seed: int, firsts: int, seconds: int) -> list[tuple[Point, Point]]:
    """Return pairs of points: one of a run, and one that the resume after it really comes by."""
    rng = random.Random(seed)
    _, points = crashes.undisturbed(sandbox=False)
    stages = [p for p in points if p.name.endswith((" within", " done"))]
    pairs: list[tuple[Point, Point]] = []
    for first in rng.sample(stages, firsts):
        run = crashes.new_run()
        assert crashes.kill(run, first, sandbox=False) == []
        resumed = [point for point in crashes.points_of(run) if steady(point)]
        pairs += [(first, second) for second in rng.sample(resumed, seconds)]
    return pairs


def test_a_resume_of_a_finished_run_changes_nothing(crashes: Crashes) -> None:
    from tests.graphs.crash import snapshot

    _, points = crashes.undisturbed(sandbox=False)
    run = crashes.new_run()
    (late,) = [p for p in points if p.name == "conclude_run before"]
    assert crashes.kill(run, late, sandbox=False) == []
    assert crashes.finish(run) == []
    before, happened = snapshot.take(run), crashes.happened(run)
    attempts = snapshot.table(run, "SELECT effect_id, attempts FROM effects")
    assert crashes.finish(run) == []
    assert before.differences(snapshot.take(run)) == []
    assert crashes.happened(run) == happened
    assert snapshot.table(run, "SELECT effect_id, attempts FROM effects") == attempts
