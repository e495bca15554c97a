"""A judge that assessed an earlier version has no say in the rating of the best one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from peercycle.core.runs import RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs.driver import resume, start
from peercycle.plugins.manager import Plugins


def test_the_rating_of_an_extended_run_is_that_of_its_best_version_alone(
    task: ResearchTask, options: Callable[..., RunOptions], kit: Callable[..., Plugins]
) -> None:
    judged = {"reviewers": {"kit-other-judge": {"default": 2.0, "gain": 1.0}}}
    first = asyncio.run(start(task, options(judge="kit-other-judge", settings=judged), kit()))
    more = asyncio.run(resume(first.path, kit(), {"rounds": 3, "patience": 5}))
    # The judge's contract is per visit of the finish: the later one rates higher.
    assert first.rating is not None
    assert more.rating == first.rating + 2.0
