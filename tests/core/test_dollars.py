"""Dollar signs in titles: mathematics on one side, money on the other."""

from __future__ import annotations

import pytest

from peercycle.core.dollars import formulas


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$1$-bit", ["$1$"]),
        ("$2^n$ states", ["$2^n$"]),
        ("a $k$-means", ["$k$"]),
        ("$3 x$ or $2 \\log n$", ["$3 x$", "$2 \\log n$"]),
        ("$2\\text{-adic}$ numbers", ["$2\\text{-adic}$"]),
        ("A $10,000 question: is $n$ odd", ["$n$"]),
        ("Raising $100 for $5 coffee", []),
        ("Raising $100 for coffee$", []),
        ("$5-$10 a day", []),
        ("From $5/month to $7", []),
        ("Only $", []),
    ],
)
def test_an_amount_with_words_is_money(text: str, found: list[str]) -> None:
    assert [text[formula.start : formula.end] for formula in formulas(text)] == found
