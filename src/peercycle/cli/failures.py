"""Experiments of a run that failed, in a line each: a study that breaks must not be found only by reading the paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from peercycle.core.experiments import Execution
    from peercycle.graphs.result import RunResult


async def failed_experiments(result: RunResult) -> tuple[str, ...]:
    """Return a line for each experiment of the best version, or of all where none is, that failed."""
    from peercycle.core.errors import PeercycleError
    from peercycle.core.experiments import ExperimentResults
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


def failure_lines(executions: Iterable[Execution]) -> tuple[str, ...]:
    """Return a line for each experiment with an execution that failed; a seed repaired later is none."""
    last: dict[tuple[str, int], Execution] = {}
    for each in sorted(executions, key=lambda execution: execution.attempt):
        last[each.experiment, each.seed] = each
    by_experiment: dict[str, list[Execution]] = {}
    for each in last.values():
        by_experiment.setdefault(each.experiment, []).append(each)
    return tuple(_line(name, every) for name, every in by_experiment.items() if any(e.status != "ok" for e in every))


def _line(name: str, every: Sequence[Execution]) -> str:
    failed = [each for each in every if each.status != "ok"]
    how = ", ".join(sorted({each.status for each in failed}))
    said = next((each.error.strip().splitlines()[-1] for each in failed if each.error and each.error.strip()), "")
    why = f": {' '.join(said.split())[:200]}" if said else ""
    return f"experiment {name}: {len(failed)} of {len(every)} executions failed ({how}){why}"
