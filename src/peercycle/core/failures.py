"""Which experiments failed: one answer for the command line, the report, the paper and its review."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from peercycle.core.experiments import Execution

SHOWN = 300


def final_executions(executions: Iterable[Execution]) -> list[Execution]:
    """Return the last attempt for each experiment and seed: a program that was repaired counts as it ended."""
    last: dict[tuple[str, int], Execution] = {}
    for each in sorted(executions, key=lambda execution: execution.attempt):
        last[each.experiment, each.seed] = each
    return list(last.values())


def failed_executions(executions: Iterable[Execution]) -> list[Execution]:
    """Return the final executions that did not end well."""
    return [each for each in final_executions(executions) if each.status != "ok"]


def kinds_of(failed: Iterable[Execution]) -> str:
    """Return how executions failed, such as `2 nonzero, 1 timeout`."""
    return ", ".join(f"{n} {status}" for status, n in sorted(Counter(each.status for each in failed).items()))


def failure_lines(executions: Iterable[Execution]) -> tuple[str, ...]:
    """Return a line for each experiment that failed: how many of its executions, how, and the last words of one."""
    final = final_executions(executions)
    lines: list[str] = []
    for name in dict.fromkeys(each.experiment for each in final):
        runs = [each for each in final if each.experiment == name]
        if failed := failed_executions(runs):
            said = next(
                (each.error.strip().splitlines()[-1] for each in failed if each.error and each.error.strip()), ""
            )
            last = " ".join(said.split())[:SHOWN] or "it wrote nothing to standard error"
            lines.append(
                f"experiment {name!r}: {len(failed)} of {len(runs)} executions failed ({kinds_of(failed)}): {last}"
            )
    return tuple(lines)
