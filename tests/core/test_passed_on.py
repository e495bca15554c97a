"""An error that is passed on is known by its whole text, and by nothing less."""

from __future__ import annotations

import pytest

from peercycle.core.passed_on import passes_on, without_passed_on


@pytest.mark.parametrize(
    ("message", "errors", "expected"),
    [
        ("c0: write: out of ink", ["out of ink"], "c0: write: X"),
        ("every candidate failed: c0: out of ink; c1: too late", ["out of ink", "too late"],
         "every candidate failed: c0: X; c1: X"),
        ("stopped (write: out of ink)", ["out of ink"], "stopped (write: X)"),
        ("out of ink", ["out of ink"], "X"),
        ("write: out of ink\n", ["out of ink\n"], "write: X\n"),
        ("a: b: c", ["c", "b: c"], "a: X"),
        ("no answer came", ["no"], "no answer came"),
        ("write: no answer came", ["no"], "write: no answer came"),
        ("the reason is out of ink", ["out of ink"], "the reason is out of ink"),
        ("c0: \\1 (", ["\\1 ("], "c0: X"),
        ("c0: write", ["", "  "], "c0: write"),
    ],
)  # fmt: skip
def test_an_error_is_replaced_where_it_is_the_whole_of_a_part(message: str, errors: list[str], expected: str) -> None:
    assert without_passed_on(message, errors, "X") == expected
    assert passes_on(message, errors) == (message != expected)
