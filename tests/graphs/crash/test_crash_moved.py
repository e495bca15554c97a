"""A run that was moved or copied is driven where it lies now."""

from __future__ import annotations

import shutil

from tests.graphs.crash import snapshot, verdict
from tests.graphs.crash.matrix import Crashes


def test_a_moved_run_is_resumed_where_it_lies_and_a_copy_leaves_the_original_alone(crashes: Crashes) -> None:
    undisturbed, points = crashes.undisturbed(sandbox=False)
    run, copy, moved = crashes.new_run(), crashes.new_run(), crashes.new_run()
    at = next(p for p in points if p.name.endswith("c1/revise/1 within"))
    assert crashes.kill(run, at, sandbox=False) == []
    first = crashes.happened(run)
    shutil.copytree(run, copy)
    before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    assert crashes.finish(copy) == []
    assert {p: p.read_bytes() for p in run.rglob("*") if p.is_file()} == before
    assert verdict.breaches(copy, undisturbed, [first, crashes.happened(copy)]) == []
    run.rename(moved)
    assert crashes.finish(moved) == []
    assert undisturbed.differences(snapshot.take(moved)) == []
