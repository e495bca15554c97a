"""Kills and signals where a run ends: SIGTERM drains, and an ending cut short can still be extended."""

from __future__ import annotations

import json
import signal

import pytest
from tests.graphs.crash import snapshot, verdict
from tests.graphs.crash.matrix import Crashes, Point


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("place", ["/write/1 before", "/review/1 within", "/revise/1 before"])
def test_a_signal_lets_the_stage_in_hand_end_and_resume_finishes(
    crashes: Crashes, place: str, number: signal.Signals
) -> None:
    undisturbed, points = crashes.undisturbed(sandbox=False)
    at = next(p for p in points if p.name.endswith(place))
    run = crashes.new_run()
    drained = crashes.attempt(run, at=at.name, signal=int(number))
    assert drained["signal"] is None
    assert (drained["ended"]["status"], drained["ended"]["reason"]) == ("stopped", "drained"), drained
    assert signal.Signals(number).name in drained["ended"]["message"]
    assert json.loads((run / "report.json").read_text())["status"] == "stopped"
    first = crashes.happened(run)
    hand = at.name.removeprefix("stage ").rpartition(" ")[0]
    assert not [line for line in first if f"begun stage {hand}" in line and line != f"begun stage {hand}"]
    rows = [
        row["kind"]
        for row in snapshot.table(run, "SELECT kind, candidate || '/' || stage || '/' || visit AS place FROM events")
        if row["place"] == hand
    ]
    assert rows[-1] == "stage_finished"
    assert snapshot.table(run, "SELECT 1 FROM spending WHERE state = 'reserved'") == []
    assert crashes.finish(run) == []
    lives = [first, crashes.happened(run)[len(first) :]]
    found = verdict.breaches(run, undisturbed, lives)
    assert [line for line in found if not of_the_early_ending(line)] == []


def of_the_early_ending(line: str) -> bool:
    """Whether a difference is that a judge assessed, and a paper was made of, what there was when the run drained."""
    judged = '"role": "judge", "round": 0' in line or ('"role": "judge"' in line and '"round": 0' in line)
    return line.startswith("artifacts has") or (" has " in line and (judged or '"finish", 0' in line))


@pytest.mark.parametrize("place", ["rename run.json after", "rename report.json before", "conclude_run after"])
def test_a_run_killed_after_its_terminal_record_is_extended_as_if_nothing_had_been(
    crashes: Crashes, place: str
) -> None:
    undisturbed, points = crashes.undisturbed(sandbox=False)
    at = [p for p in points if p.name.endswith(place)][-1]
    calm, killed = crashes.new_run(), crashes.new_run()
    assert crashes.finish(calm) == []
    assert crashes.kill(killed, at, sandbox=False) == []
    first = crashes.happened(killed)
    for run in (calm, killed):
        assert crashes.finish(run, changes={"rounds": 2, "patience": 5}) == []
    extended = snapshot.take(calm)
    assert extended.differences(undisturbed) != []
    lives = [first, crashes.happened(killed)[len(first) :]]
    assert verdict.breaches(killed, extended, lives) == []


def test_a_run_killed_before_its_directory_appears_leaves_nothing(crashes: Crashes) -> None:
    run = crashes.new_run()
    assert crashes.kill(run, Point("appearance of the run before", 1)) == []
    assert not run.exists()
    assert crashes.finish(run) == []
    assert [path.name for path in run.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("moment", ["before", "inside"])
def test_a_choice_of_the_best_that_only_its_writes_hold_is_not_lost(crashes: Crashes, moment: str) -> None:
    _, points = crashes.undisturbed(sandbox=False)
    (finish,) = [n for n, p in enumerate(points) if p.name == "publish before"]
    saved = [p for p in points[:finish] if p.name.startswith("checkpoint cycle") and p.name.endswith(moment)]
    # The last checkpoint before the finish is that of the last selection, whose writes are on the disk already.
    assert crashes.kill_and_resume(saved[-1], sandbox=False) == []
