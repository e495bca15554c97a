"""The example data is what examples/README.md says of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bibtexparser.entrypoint import parse_file

ARXIV = re.compile(r"\d{4}\.\d{4,5}")
DOI = re.compile(r"10\.\d{4,9}/\S+")


@pytest.fixture(scope="module")
def entries(repository: Path) -> list[dict[str, str]]:
    library = parse_file(str(repository / "examples" / "preference_learning.bib"))
    assert not library.failed_blocks
    return [{name: field.value for name, field in entry.fields_dict.items()} for entry in library.entries]


def test_the_bibliography_is_large_and_spread_enough_for_experiments(entries: list[dict[str, str]]) -> None:
    assert len(entries) == 32
    assert len({entry["year"] for entry in entries}) >= 8
    assert len({entry["title"].lower() for entry in entries}) == len(entries)


def test_every_paper_names_its_identifier_authors_and_venue(entries: list[dict[str, str]]) -> None:
    identifiers = [entry.get("doi") or entry.get("eprint", "") for entry in entries]
    assert [each for each in identifiers if not (DOI.fullmatch(each) or ARXIV.fullmatch(each))] == []
    assert len(set(identifiers)) == len(entries)
    for entry in entries:
        assert entry["author"]
        assert entry.get("journal") or entry.get("booktitle")


def test_every_paper_has_an_abstract_of_two_to_four_sentences(entries: list[dict[str, str]]) -> None:
    for entry in entries:
        sentences = re.findall(r"[.!?](?= [A-Z]|$)", entry["abstract"])
        assert 2 <= len(sentences) <= 4, entry["title"]


def test_the_model_card_input_never_closes_its_last_entry(repository: Path) -> None:
    text = (repository / "examples" / "modelcard_input.txt").read_text(encoding="utf-8")
    parts = re.split(r"^Abstract: .+$", text, flags=re.MULTILINE)[1:]
    assert [part.count("\n@") for part in parts] == [1, 1, 1]
    assert [part.count("{") - part.count("}") for part in parts] == [0, 0, 1]
