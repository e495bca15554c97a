"""Each protection taken away turns the matrix red; with it in place the same attempt is green."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from tests.graphs.crash import snapshot, verdict
from tests.graphs.crash.matrix import Crashes, Point


def point(crashes: Crashes, name: str) -> Point:
    """Return the first point whose name ends so."""
    _, points = crashes.undisturbed(sandbox=False)
    return next(p for p in points if p.name.endswith(name))


@pytest.mark.parametrize("place", ["c1/write/1 within", "c1/revise/1 within", "-/literature/1 within"])
def test_without_the_journal_settled_effects_are_done_again(crashes: Crashes, place: str) -> None:
    at = point(crashes, place)
    assert crashes.kill_and_resume(at, sandbox=False) == []
    found = crashes.kill_and_resume(at, sandbox=False, without=("journal",))
    assert any("was settled and is done again" in line for line in found), found


@pytest.mark.parametrize("place", ["c1/check/2 before", "c1/conclude/2 before", "c1/review/2 before"])
def test_without_sync_checkpoints_finished_stages_are_run_again(crashes: Crashes, place: str) -> None:
    at = point(crashes, place)
    assert crashes.kill_and_resume(at, sandbox=False, delay_put_s=0.05) == []
    # Longer than the stages before the point take on any machine: what does not wait for it, finds nothing saved.
    run = crashes.new_run()
    assert crashes.kill(run, at, sandbox=False, without=("sync",), delay_put_s=30, delay_in="improve") == []
    lives = [crashes.happened(run)]
    found = crashes.finish(run)
    lives.append(crashes.happened(run)[len(lives[0]) :])
    found += verdict.breaches(run, crashes.undisturbed(sandbox=False)[0], lives)
    assert any("was finished and is begun again" in line or "did not finish" in line for line in found), found


def test_writes_that_come_late_repeat_a_finished_stage_and_no_effect(crashes: Crashes) -> None:
    # LangGraph orders a task's writes and the next checkpoint only by chance (its issue 8039): with the writes
    # late, a death inside the checkpoint's write leaves neither, under durability "sync" too.
    at = point(crashes, "checkpoint improve step 1 inside")
    slow: dict[str, Any] = {"delay_writes_s": 0.5}
    run, lives = lives_of(crashes, at, **slow)
    before, after = (begun(life) for life in lives)
    assert set(before) & set(after), "no stage was repeated: this attempt shows nothing"
    assert crashes.kill_and_resume(at, sandbox=False, repeats=True, **slow) == []
    repeated = crashes.kill_and_resume(at, sandbox=False, repeats=True, without=("journal",), **slow)
    assert any("was settled and is done again" in line for line in repeated), repeated
    assert run.exists()


def lives_of(crashes: Crashes, at: Point, **wanted: Any) -> tuple[Path, list[list[str]]]:
    """Kill and resume; return the run and what happened in both processes."""
    run = crashes.new_run()
    assert crashes.kill(run, at, sandbox=False, **wanted) == []
    first = crashes.happened(run)
    assert crashes.finish(run) == []
    return run, [first, crashes.happened(run)[len(first) :]]


def begun(life: list[str]) -> list[str]:
    """Return the stages that were begun."""
    return [line for line in life if line.startswith("begun ")]


def content(run: Path) -> dict[str, Any]:
    """Return all rows of both databases and all files, to the byte."""
    import sqlite3
    from contextlib import closing

    rows: dict[str, Any] = {}
    for file in ("run.sqlite", "checkpoints.sqlite"):
        with closing(sqlite3.connect(f"file:{run / file}?mode=ro", uri=True)) as connection:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                rows[f"{file} {name}"] = sorted(map(repr, connection.execute(f"SELECT * FROM {name}").fetchall()))
    files = (p for p in run.rglob("*") if p.is_file() and "sqlite" not in p.name and p.name != "lease")
    return rows | {str(p.relative_to(run)): p.read_bytes() for p in files}


def stopped_driver(crashes: Crashes, at: Point, **wanted: Any) -> tuple[Path, int]:
    """Let a driver stop itself at a point, alive and holding its lease."""
    run = crashes.new_run()
    died = crashes.attempt(run, at=at.name, occurrence=at.occurrence, signal=int(signal.SIGSTOP), **wanted)
    assert died["stopped"], died
    return run, died["pid"]


def test_a_second_driver_is_refused_while_the_first_one_lives(crashes: Crashes) -> None:
    run, pid = stopped_driver(crashes, point(crashes, "c1/write/1 within"))
    try:
        before = content(run)
        refused = crashes.attempt(run)["ended"]
        assert refused["error"] == "RunInUseError"
        assert f"driven by process {pid}" in refused["message"]
        assert content(run) == before
    finally:
        ended = crashes.attempt(run, continue_pid=pid)
    assert ended["ended"]["status"] == "finished"


@pytest.mark.parametrize("place", ["c1/write/1 within", "model/{}/0 done", "checkpoint draft step 2 before"])
def test_a_driver_whose_lease_was_taken_writes_nothing_more(crashes: Crashes, place: str) -> None:
    late = late_driver(crashes, place, keep=("fence",))
    assert late["ended"]["error"] == "LeaseLostError", late
    assert late["changed"] == []


def test_without_the_fence_a_late_driver_writes_into_a_finished_run(crashes: Crashes) -> None:
    late = late_driver(crashes, "c1/write/1 within", keep=())
    assert late["changed"] != []


def test_without_the_lease_a_second_driver_is_let_in(crashes: Crashes) -> None:
    late = late_driver(crashes, "c1/write/1 within", keep=("fence",))
    # `late_driver` takes the lock away from the second one, which then does drive.
    assert late["second"]["ended"]["status"] == "finished"


def late_driver(crashes: Crashes, place: str, *, keep: tuple[str, ...]) -> dict[str, Any]:
    """Stop a driver, let a second one finish its run, and let the first one go on; return what that one did."""
    _, points = crashes.undisturbed(sandbox=False)
    parts = place.split("{}")
    at = next(p for p in points if parts[0] in p.name and p.name.endswith(parts[-1]))
    weak = () if "fence" in keep else ("fence",)
    run, pid = stopped_driver(crashes, at, without=weak)
    second = crashes.attempt(run, without=("lease", *weak))
    before = content(run)
    third = crashes.attempt(run, continue_pid=pid)
    after = content(run)
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return {**third, "second": second, "changed": changed, "snapshot": snapshot.take(run)}
