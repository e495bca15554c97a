"""Values that a model wrote are fitted to their schema, or told why not; nothing else is raised."""

from __future__ import annotations

import pytest

from peercycle.agents.structured.fitting import UnfitError, fit
from peercycle.agents.structured.schemas import integer


@pytest.mark.parametrize("said", ["nan", "inf", "-Infinity", "1e999", "four"])
def test_what_is_no_integer_is_told_to_its_author(said: str) -> None:
    with pytest.raises(UnfitError, match="must be an integer"):
        fit(said, integer(1, 5))


def test_an_integer_in_quotes_is_taken() -> None:
    assert fit(" 4.0 ", integer(1, 5)) == 4


def test_an_integer_beyond_any_float_is_none_of_those_allowed() -> None:
    with pytest.raises(UnfitError, match="none of"):
        fit(10**400, integer(1, 5))
