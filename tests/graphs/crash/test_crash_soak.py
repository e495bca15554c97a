"""The long proofs: every point, random moments, and checkpoints that a power cut took back."""

from __future__ import annotations

import random
import shutil
import time

import pytest
from tests.graphs.crash import snapshot, verdict
from tests.graphs.crash.matrix import Crashes, report, share, steady
from tests.graphs.crash.points import copy_checkpoints

pytestmark = [pytest.mark.prove, pytest.mark.timeout(1200)]
PARTS = 8
RANDOM_KILLS = 200


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_every_point(sandboxed: Crashes, part: int) -> None:
    _, points = sandboxed.undisturbed(sandbox=True)
    chosen = [point for point in points if steady(point)]
    results = {p: sandboxed.kill_and_resume(p, sandbox=True) for p in share(chosen, part, PARTS)}
    assert not report(results), report(results)


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_random_moments_also_twice(crashes: Crashes, part: int) -> None:
    sandbox = crashes.sandbox_problem is None
    undisturbed, _ = crashes.undisturbed(sandbox=sandbox)
    began = time.monotonic()
    assert crashes.finish(crashes.new_run(), sandbox=sandbox) == []
    length = time.monotonic() - began
    rng = random.Random(part)
    killed = 0
    for number in range(RANDOM_KILLS // PARTS):
        run = crashes.new_run()
        lives: list[list[str]] = []
        moments = [rng.uniform(0, length) for _ in range(1 + number % 2)]
        for moment in moments:
            died = crashes.attempt(run, sandbox=sandbox, kill_after_s=moment)
            killed += died["signal"] == 9
            assert died["left"] == []
            lives.append(crashes.happened(run)[sum(map(len, lives)) :])
        assert crashes.finish(run, sandbox=sandbox) == [], moments
        lives.append(crashes.happened(run)[sum(map(len, lives)) :])
        # A kill between a put and its writes may repeat a finished stage (LangGraph's issue 8039).
        assert verdict.breaches(run, undisturbed, lives, repeats=True) == [], moments
        shutil.rmtree(run.parent)
    assert killed >= RANDOM_KILLS // PARTS // 2


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
