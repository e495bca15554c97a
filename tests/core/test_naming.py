"""Names of persons are taken apart as people read them."""

from __future__ import annotations

import pytest

from peercycle.core.naming import name_of, names_in, split_latex


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Åsa Ström", ("Ström", "Åsa", "")),
        ("Ludwig van Beethoven", ("van Beethoven", "Ludwig", "")),
        ("de la Cruz, María", ("de la Cruz", "María", "")),
        ("José Ortega y Gasset", ("Ortega y Gasset", "José", "")),
        ("Müller-Lüdenscheidt, Jr., Hans", ("Müller-Lüdenscheidt", "Hans", "Jr.")),
        ("Hans Müller-Lüdenscheidt Jr.", ("Müller-Lüdenscheidt", "Hans", "Jr.")),
        ("Martin Luther King III", ("King", "Martin Luther", "III")),
        ("Ñ. Ñ. Ñandú", ("Ñandú", "Ñ. Ñ.", "")),
        ("bell hooks", ("hooks", "bell", "")),
    ],
)
def test_a_name_has_a_family_a_given_part_and_a_suffix(text: str, parts: tuple[str, str, str]) -> None:
    name = name_of(text)
    assert (name.family, name.given, name.suffix) == parts
    assert not name.whole


@pytest.mark.parametrize("text", ["OpenAI", "World Health Organization", "Gemini Team, Google", "A, B, C, D"])
def test_a_corporate_name_stays_whole(text: str) -> None:
    assert name_of(text).whole
    assert name_of(text).spoken == text


def test_braces_of_a_field_hold_a_name_together() -> None:
    names = names_in("{Royal Society} and Gabriel {Garcia Marquez} and Cruz, Ana and others", lambda s: s.strip("{}"))
    assert [(name.family, name.given) for name in names] == [
        ("Royal Society", ""),
        ("Garcia Marquez", "Gabriel"),
        ("Cruz", "Ana"),
    ]


def test_the_blank_that_ends_a_command_parts_no_name() -> None:
    assert split_latex(r"Bj\o rn Nordstr{\"o}m", " ") == [r"Bj\o rn", r"Nordstr{\"o}m"]
    assert split_latex(r"Alf \O and Bo", "and") == [r"Alf \O", "Bo"]


def test_empty_parts_are_told_where_they_are_asked_for() -> None:
    assert split_latex("Ek, , Bo", ",") == ["Ek", "Bo"]
    assert split_latex("Ek, , Bo", ",", empty=True) == ["Ek", "", "Bo"]
