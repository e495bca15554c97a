"""Citation keys of works that come without one."""

from __future__ import annotations

import pytest

from peercycle.agents.literature.bibtex import read
from peercycle.agents.literature.online.keys import citation_key
from peercycle.core.literature import Reference

FAMILIES = {
    "Ada Lovelace": "lovelace",
    "Jan van den Berg": "berg",
    "Martin Luther King Jr.": "king",
    "Ström, Åsa": "strom",
    "World Health Organization": "organization",
}


@pytest.mark.parametrize("author", FAMILIES)
def test_a_key_is_family_year_and_first_telling_word(author: str) -> None:
    work = Reference(key="-", title="The weight of water", authors=(author,), year=1963)
    assert citation_key(work) == f"{FAMILIES[author]}1963weight"


def test_an_entry_without_a_key_is_called_by_the_family_name_and_not_by_its_suffix() -> None:
    (entry,) = read("@misc{, author = {King, Jr., Martin Luther}, title = {A Letter}, year = 1963}").entries
    assert entry.key == "king1963"
