"""What a terminal shows of text that nobody wrote for it: titles in LaTeX, output of programs."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from peercycle.cli.endings import ending_lines
from peercycle.cli.output import safe, warn
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


def test_what_a_warning_quotes_cannot_drive_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    warn("warning: key 'a\x1b[2J' does not compile")
    assert terminal.getvalue() == "warning: key 'a\\x1b[2J' does not compile\n"


@pytest.mark.parametrize("name", ["RunOptions", "research", "build_graph", "__version__"])
def test_public_names_are_listed(name: str) -> None:
    import peercycle

    assert name in dir(peercycle)


def test_a_title_is_shown_as_text(tmp_path: Path) -> None:
    paper = Manuscript(title=r"\emph{Sorting} \& ``merging'': $n^2$", abstract="")
    ended = RunResult("r1", tmp_path, "finished", "accepted", "", paper, None, None, (), 0)
    assert "paper: Sorting & “merging”: n²" in ending_lines(ended)
