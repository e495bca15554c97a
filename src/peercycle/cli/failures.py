"""Experiments of a run that failed, in a line each: a study that breaks must not be found only by reading the paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peercycle.core.experiments import Execution
    from peercycle.graphs.result import RunResult


async def failed_experiments(result: RunResult) -> tuple[str, ...]:
    """Return a line for each experiment of the best version, or of all where none is, that failed."""
    from peercycle.core.errors import PeercycleError
    from peercycle.core.experiments import ExperimentResults
    from peercycle.core.failures import failure_lines
    from peercycle.graphs.result import best_row
    from peercycle.store.directory import read_run

    best = best_row(result.candidates)
    rows = result.candidates if best is None else (best,)
    executions: dict[str, Execution] = {}
    artifacts = read_run(result.path).artifacts
    for ref in dict.fromkeys(row.results for row in rows if row.results):
        try:
            found = ExperimentResults.model_validate_json(await artifacts.get(ref))
        except (PeercycleError, ValueError):
            # A body that cannot be read is the report's to name; an ending must not fail over it.
            continue
        executions |= {each.id: each for each in found.executions}
    return failure_lines(executions.values())
