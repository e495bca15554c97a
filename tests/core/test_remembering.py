from __future__ import annotations

from collections.abc import Callable

import pytest

from peercycle.core.remembering import forget, remembered


def counting() -> tuple[Callable[[str], tuple[str, ...]], list[str]]:
    """Return a function that remembers, and the list of the texts that it really read."""
    read: list[str] = []

    def words(text: str) -> tuple[str, ...]:
        """Return the words."""
        read.append(text)
        return tuple(text.split())

    return remembered(words), read


@pytest.mark.parametrize("text", ["", "A sentence.", "A section. " * 400])
def test_a_text_is_read_once(text: str) -> None:
    words, read = counting()
    assert words(text) == words(text) == tuple(text.split())
    assert read == [text]


def test_a_text_longer_than_a_section_is_not_kept() -> None:
    words, read = counting()
    assert words("a" * 50_001) == words("a" * 50_001)
    assert len(read) == 2


def test_what_was_not_asked_about_for_long_is_forgotten() -> None:
    words, read = counting()
    for n in range(9):
        words(f"section {n} " * 200)
    assert len(read) == 9
    words("section 8 " * 200)
    assert len(read) == 9
    words("section 0 " * 200)
    assert len(read) == 10


def test_all_is_forgotten_at_once() -> None:
    words, read = counting()
    words("A sentence.")
    forget()
    words("A sentence.")
    assert len(read) == 2


def test_an_error_is_not_remembered_and_the_function_keeps_its_name() -> None:
    fails = [True]

    def once(text: str) -> str:
        """Fail once."""
        if fails.pop() if fails else False:
            raise ValueError(text)
        return text

    kept = remembered(once)
    with pytest.raises(ValueError, match="a"):
        kept("a")
    assert kept("a") == "a"
    assert (kept.__name__, kept.__doc__) == ("once", "Fail once.")
