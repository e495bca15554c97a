"""Which entries of a list are one work, and what the paper says of abstracts that are too short."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from peercycle.agents.policies.extractive.corpus import read_corpus
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.writing import ResearchTask


def entry(
    key: str, title: str = "Preface", year: int | None = 2023, author: str = "Ada Lovelace", **more: Any
) -> Reference:
    return Reference(key=key, title=title, year=year, authors=(author,) if author else (), **more)


TWO = {
    "versions with arXiv ids": (
        entry("a", "Llama 2: Open Foundation Models", ids={"arxiv": "2307.09288"}),
        entry("b", "Llama 3: Open Foundation Models", ids={"arxiv": "2407.21783"}),
    ),
    "versions of one year without ids": (entry("a", "Llama 2: Open"), entry("b", "Llama 3: Open")),
    "parts": (entry("a", "Planar graphs, Part 1"), entry("b", "Planar graphs, Part 2")),
    "one title, two DOIs": (
        entry("a", ids={"doi": "10.1/x"}),
        entry("b", ids={"doi": "10.1/y"}, author="Alan Turing"),
    ),
    "one title and author, two DOIs": (entry("a", ids={"doi": "10.1/x"}), entry("b", ids={"doi": "10.1/y"})),
    "one title, two authors": (entry("a"), entry("b", author="Alan Turing")),
    "one title, two years": (entry("a"), entry("b", year=2024)),
    "one DOI of a whole volume, two arXiv ids": (
        entry("a", "One", ids={"doi": "10.1/x", "arxiv": "2001.00001"}),
        entry("b", "Two", ids={"doi": "10.1/x", "arxiv": "2001.00002"}),
    ),
}
ONE = {
    "one DOI in other letters": (
        entry("a", "A title", ids={"doi": "10.1/X"}),
        entry("b", "Another", ids={"doi": "10.1/x"}),
    ),
    "one arXiv id": (entry("a", ids={"arxiv": "2001.00001"}), entry("b", year=2024, ids={"arxiv": "2001.00001"})),
    "an arXiv id and the DOI made of it": (
        entry("a", ids={"arxiv": "2001.00001"}),
        entry("b", "Another", ids={"doi": "10.48550/arXiv.2001.00001"}),
    ),
    "a preprint and its article": (entry("a", ids={"arxiv": "2001.00001"}), entry("b", ids={"doi": "10.1/x"})),
    "letters and marks": (entry("a", "Élan: vital, part 2"), entry("b", "ELAN — Vital (Part 2)")),
    "an author left out": (entry("a"), entry("b", author="")),
    "two versions of one arXiv id": (
        entry("a", "A title", ids={"arxiv": "2001.00001v1"}),
        entry("b", "Another", ids={"arxiv": "2001.00001v2"}),
    ),
    "one DOI, once as an address": (
        entry("a", "A title", ids={"doi": "10.1/x"}),
        entry("b", "Another", ids={"doi": "https://doi.org/10.1/x"}),
    ),
    "an author without the suffix": (entry("a", author="Ada Lovelace Jr."), entry("b")),
    "an author with initials": (entry("a"), entry("b", author="A. Lovelace")),
}


@pytest.mark.parametrize("which", TWO)
def test_different_works_stay_two(which: str) -> None:
    for entries in (TWO[which], TWO[which][::-1]):
        facts = read_corpus("", Bibliography(entries=entries)).facts
        assert (facts.works, facts.merged) == (2, ())


@pytest.mark.parametrize("which", ONE)
def test_entries_of_one_work_are_one(which: str) -> None:
    for entries in (ONE[which], ONE[which][::-1]):
        facts = read_corpus("", Bibliography(entries=entries)).facts
        assert (facts.works, facts.merged) == (1, (entries[1].key,))


LONG = "Currents carry warm water along the coast of the island and mix it with cold water from below in spring."
SHORT = "Tides are high. Tides are low. We measure both."


def introduction(benches: SimpleNamespace, abstracts: tuple[str | None, ...]) -> tuple[str, str]:
    titles = ("Warm currents", "Cold tides", "Island water", "Coastal mixing", "Spring tides")
    entries = tuple(entry(f"k{n}", titles[n], 2000 + n, abstract=abstract) for n, abstract in enumerate(abstracts))
    task = ResearchTask(topic="tides", bibliography=Bibliography(entries=entries))
    bench = benches.Bench(task, settings=benches.quick)
    benches.run(bench.draft())
    paper = bench.manuscripts[-1]
    return paper.sections[0].body, paper.latex


def test_a_short_abstract_is_not_called_none(benches: SimpleNamespace) -> None:
    first, paper = introduction(benches, (LONG, LONG.replace("Currents", "Streams"), SHORT, SHORT))
    assert (
        "Two of the works have an abstract of at least fifteen words; two have abstracts of fewer, in which only "
        "the topic's words were looked for, and otherwise only the titles were read."
    ) in first
    assert "without an abstract" not in paper.replace("without an abstract of fifteen words", "")
    assert "works without an abstract of fifteen words or more add" in paper


def test_short_and_absent_abstracts_are_told_apart(benches: SimpleNamespace) -> None:
    first, paper = introduction(benches, (LONG, SHORT, None, LONG.replace("Currents", "Streams"), None))
    assert (
        "one has an abstract of fewer, in which only the topic's words were looked for, and two have none: "
        "of these otherwise only the titles were read." in first
    )
    assert "What do the works without an abstract of fifteen words or more add" in paper


def test_no_abstract_at_all_is_said_so(benches: SimpleNamespace) -> None:
    assert "No work comes with an abstract, so only titles were read" in introduction(benches, (None, None))[0]
    assert "abstract of fifteen words, the least that is used" in introduction(benches, (SHORT, SHORT))[0]
