"""Which experiments of a run failed."""

from __future__ import annotations

from peercycle.core.experiments import Execution
from peercycle.core.failures import failure_lines


def execution(seed: int, status: str, attempt: int = 1, error: str | None = None, name: str = "study") -> Execution:
    script = "sha256:" + "0" * 64
    return Execution(
        id=f"{name}-{seed}-{attempt}",
        experiment=name,
        seed=seed,
        status=status,
        attempt=attempt,
        script=script,
        error=error,
    )


def test_a_line_names_each_experiment_that_failed_and_why() -> None:
    failed = "Traceback (most recent call last):\nValueError: no such column\n"
    assert failure_lines([execution(n, "nonzero", error=failed) for n in range(2)] + [execution(2, "ok")]) == (
        "experiment 'study': 2 of 3 executions failed (2 nonzero): ValueError: no such column",
    )


def test_a_seed_that_was_repaired_is_no_failure() -> None:
    assert failure_lines([execution(0, "ok", attempt=2), execution(0, "timeout")]) == ()


def test_a_program_that_said_nothing_is_named_all_the_same() -> None:
    assert failure_lines([execution(0, "oom"), execution(1, "timeout")]) == (
        "experiment 'study': 2 of 2 executions failed (1 oom, 1 timeout): it wrote nothing to standard error",
    )
