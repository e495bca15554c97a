"""What pydantic says against a value, as it goes on behind a colon."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError, field_validator

from peercycle.core.complaints import complaint_of, uncapitalised


class Silent(BaseModel):
    """Says nothing against a value, or what it was given."""

    word: str

    @field_validator("word")
    @classmethod
    def _refuse(cls, word: str) -> str:
        raise ValueError(word)


@pytest.mark.parametrize(("said", "shown"), [("", ""), ("Write 'A' or 'B'", "write 'A' or 'B'")])
def test_a_complaint_goes_on_in_small_letters_even_an_empty_one(said: str, shown: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Silent(word=said)
    assert uncapitalised(complaint_of(caught.value.errors()[0])) == shown
