"""The long proofs: every point, random moments, and checkpoints that a power cut took back."""

from __future__ import annotations

import random
import shutil
import time

import pytest
from tests.graphs.crash import snapshot, verdict
from tests.graphs.crash.matrix import Crashes, needs_sandbox, one_of_each, report, share, steady
from tests.graphs.crash.points import copy_checkpoints

pytestmark = [pytest.mark.prove(rank=10), pytest.mark.timeout(1200)]
PARTS = 8
RANDOM_KILLS = 200


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_random_moments_also_twice(crashes: Crashes, part: int) -> None:
    sandbox = crashes.sandbox_problem is None
    undisturbed, _ = crashes.undisturbed(sandbox=sandbox)
    began = time.monotonic()
    assert crashes.finish(crashes.new_run(), sandbox=sandbox) == []
    moments = Moments(part, time.monotonic() - began)
    for number in range(10 * RANDOM_KILLS):
        if moments.killed >= RANDOM_KILLS // PARTS:
            break
        run = crashes.new_run()
        lives: list[list[str]] = []
        chosen = [moments.draw() for _ in range(1 + number % 2)]
        for moment in chosen:
            died = crashes.attempt(run, sandbox=sandbox, kill_after_s=moment)
            moments.learn(killed=died["signal"] == 9)
            assert died["left"] == []
            lives.append(crashes.happened(run)[sum(map(len, lives)) :])
        assert crashes.finish(run, sandbox=sandbox) == [], chosen
        lives.append(crashes.happened(run)[sum(map(len, lives)) :])
        # A kill between a put and its writes may repeat a finished stage (LangGraph's issue 8039).
        assert verdict.breaches(run, undisturbed, lives, repeats=True) == [], chosen
        shutil.rmtree(run.parent)
    assert moments.killed >= RANDOM_KILLS // PARTS


class Moments:
    """When to kill: at random within a run, which lasts longer on a busy machine than on an idle one."""

    def __init__(self, seed: int, length_s: float) -> None:
        self.killed = 0
        self._rng = random.Random(seed)
        self._length_s = length_s

    def draw(self) -> float:
        """Return a moment of the next run, in seconds from its start."""
        return self._rng.uniform(0, self._length_s)

    def learn(self, *, killed: bool) -> None:
        """Hear whether the kill came in time: how long a run lasts now is known from nothing else."""
        self.killed += killed
        self._length_s *= 1.05 if killed else 0.8


@pytest.mark.prove(rank=90)
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_every_point(crashes: Crashes, part: int) -> None:
    _, points = crashes.undisturbed(sandbox=False)
    chosen = [point for point in points if steady(point)]
    results = {p: crashes.kill_and_resume(p, sandbox=False) for p in share(chosen, part, PARTS)}
    assert not report(results), report(results)


@pytest.mark.prove(rank=80)
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_every_point_of_an_experiment_and_each_kind_beside_it(sandboxed: Crashes, part: int) -> None:
    _, points = sandboxed.undisturbed(sandbox=True)
    experiment = [point for point in points if steady(point) and needs_sandbox(point)]
    assert len(experiment) >= 20
    chosen = list(dict.fromkeys([*experiment, *one_of_each(points, seed=1)]))
    results = {p: sandboxed.kill_and_resume(p, sandbox=True) for p in share(chosen, part, PARTS)}
    assert not report(results), report(results)


def test_checkpoints_taken_back_by_one_commit(crashes: Crashes) -> None:
    """Checkpoints commit with synchronous=NORMAL, the journal with FULL: a power cut may take only the first back."""
    undisturbed, points = crashes.undisturbed(sandbox=False)
    committed = [p for p in points if p.name.startswith(("checkpoint", "writes")) and p.name.endswith("after")]
    results = {}
    for late in committed:
        run = crashes.new_run()
        copies = run.parent / "copies"
        found = crashes.kill(run, late, sandbox=False, copies=str(copies))
        copy_checkpoints(copies, run)
        lives = [crashes.happened(run)]
        found += crashes.finish(run)
        lives.append(crashes.happened(run)[len(lives[0]) :])
        results[late] = found + verdict.breaches(run, undisturbed, lives, repeats=True)
    assert len(results) > 40
    assert not report(results), report(results)


def test_a_second_resume_changes_nothing_at_any_stage(crashes: Crashes) -> None:
    _, points = crashes.undisturbed(sandbox=False)
    for point in [p for p in points if p.name.startswith("stage") and p.name.endswith("within")]:
        run = crashes.new_run()
        assert crashes.kill(run, point, sandbox=False) == []
        assert crashes.finish(run) == []
        before = snapshot.take(run)
        assert crashes.finish(run) == []
        assert before.differences(snapshot.take(run)) == []
