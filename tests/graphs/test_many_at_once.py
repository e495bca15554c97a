"""Many runs that begin together: made two at a time, and nothing between their stages waits for a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peercycle.core.runs import RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs import launch
from peercycle.graphs.cycle import build_graph
from peercycle.graphs.many import start_many
from peercycle.graphs.pool import MADE_AT_ONCE
from peercycle.plugins.manager import Plugins
from peercycle.store import directory


def test_runs_that_begin_together_are_made_two_at_a_time(
    task: ResearchTask,
    options: Callable[..., RunOptions],
    kit: Callable[..., Plugins],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    making, most = 0, 0
    really = directory.create_run

    async def create_run(runs_dir: Path, *given: Any, in_loop: bool) -> Any:
        nonlocal making, most
        making += 1
        most = max(most, making)
        try:
            return await really(runs_dir, *given, in_loop=in_loop)
        finally:
            making -= 1

    monkeypatch.setattr(launch, "create_run", create_run)
    jobs = [(task, options(run_id=f"r{n}", rounds=0)) for n in range(5)]
    outcomes = asyncio.run(start_many(jobs, kit(), parallel=5))
    assert [outcome.status for outcome in outcomes] == ["finished"] * 5
    assert most == MADE_AT_ONCE


def test_no_way_on_is_asked_in_a_thread(kit: Callable[..., Plugins]) -> None:
    cycle = build_graph(kit())
    graphs = [cycle, *(path for _, path in cycle.get_subgraphs())]
    ways = [branch for graph in graphs for named in graph.builder.branches.values() for branch in named.values()]
    assert len(ways) == 4
    assert [way.path.func for way in ways] == [None] * 4
