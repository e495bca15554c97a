"""LaTeX inside JSON strings survives, whoever escaped what."""

from __future__ import annotations

import json

import pytest

from peercycle.agents.formats.latex_escapes import protect_latex
from peercycle.agents.formats.lenient_json import NotJSONError, read_json

COMMANDS = (
    r"\textsc{A} \textbf{b} \nabla f \neq \nu \frac{1}{2} \forall \beta \begin{x} \bar{x} \rho \right) \ref{a} \theta \tau "
    r"\times \to \tilde{x} \underline{u} \url{x} \upsilon \noindent \newline \not= \rangle \boldsymbol{b} \footnote{f} \top"
).split()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_survives_escaped_and_not(command: str) -> None:
    for written in (command, command.replace("\\", "\\\\")):
        assert read_json(f'{{"a": "so {written} is"}}').value == {"a": f"so {command} is"}


@pytest.mark.parametrize(
    "command", [r"\m{x}", r"\%", r"\_", r"\{", r"\$", r"\&", r"\cite{a}", r"\alpha", r"\,", r"\u"]
)
def test_what_no_json_escape_begins_with_is_kept(command: str) -> None:
    assert read_json(f'{{"a": "so {command} is"}}').value == {"a": f"so {command} is"}


def test_line_ends_tabs_and_unicode_escapes_are_what_json_says() -> None:
    said = r'{"a": "one\nTwo\tthree\n\nnew words \u00e9 \"q\" a\/b\ne.g. this"}'
    assert read_json(said).value == {"a": 'one\nTwo\tthree\n\nnew words é "q" a/b\ne.g. this'}


def test_correctly_escaped_json_reads_as_strict_json_does() -> None:
    value = {"a": "\\textsc{x} \\\\ \\hline\nnext\tline \\nabla", "b": ["\\frac{1}{2}", 3, None, True]}
    assert read_json(json.dumps(value)).value == value


def test_program_code_keeps_its_tabs_and_line_ends() -> None:
    script = "def f():\n\tto = 1\n\tnu = 2\n\treturn to + nu\n"
    assert read_json(json.dumps({"s": script}), prose=False).value == {"s": script}
    assert protect_latex(json.dumps({"s": script}), prose=False) == json.dumps({"s": script})


def test_half_a_surrogate_pair_is_replaced() -> None:
    assert read_json('{"a": "x\\ud800y"}').value == {"a": "x\ufffdy"}


@pytest.mark.parametrize(
    "said", ["", "no", "{" * 200, '"just a string"', "[]{}"[:0], "{", "[1e999]", '{"a": Infinity}']
)
def test_what_is_no_json_is_one_error(said: str) -> None:
    with pytest.raises(NotJSONError):
        read_json(said)
