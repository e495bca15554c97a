"""What a terminal shows of text that nobody wrote for it: titles in LaTeX, output of programs."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from peercycle.cli.endings import ending_lines
from peercycle.cli.failures import failure_lines
from peercycle.cli.output import safe
from peercycle.core.experiments import Execution
from peercycle.core.writing import Manuscript
from peercycle.graphs.result import RunResult


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_program_cannot_drive_the_terminal_it_is_shown_on() -> None:
    text = "one\ttwo\n\x1b]0;title\x07\x9b31m\r\u202e\u200f"
    assert safe(text, io.StringIO()) == text
    assert safe(text, Terminal()) == "one\ttwo\n\\x1b]0;title\\x07\\x9b31m\\x0d\\x202e\\x200f"


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
        "experiment study: 2 of 3 executions failed (nonzero): ValueError: no such column",
    )


def test_a_seed_that_was_repaired_is_no_failure() -> None:
    assert failure_lines([execution(0, "ok", attempt=2), execution(0, "timeout")]) == ()


@pytest.mark.parametrize("name", ["RunOptions", "research", "build_graph", "__version__"])
def test_public_names_are_listed(name: str) -> None:
    import peercycle

    assert name in dir(peercycle)


def test_a_title_is_shown_as_text(tmp_path: Path) -> None:
    paper = Manuscript(title=r"\emph{Sorting} \& ``merging'': $n^2$", abstract="")
    ended = RunResult("r1", tmp_path, "finished", "accepted", "", paper, None, None, (), 0)
    assert "paper: Sorting & “merging”: n²" in ending_lines(ended)
