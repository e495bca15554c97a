"""One notion of the same work, for sources, runs and checks."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from peercycle.core.literature import Reference
from peercycle.core.sameness import Works, deduplicate, fuse, identities, same_work


def work(key: str, title: str = "A title of a work", **more: Any) -> Reference:
    return Reference.model_validate({"key": key, "title": title, **more})


SAME: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a DOI, however it is written": ({"ids": {"doi": "10.1/A"}}, {"ids": {"doi": "https://doi.org/10.1/a"}, "title": "Other"}),
    "an arXiv id in two versions": ({"ids": {"arxiv": "2401.00001v1"}}, {"ids": {"arxiv": "2401.00001v3"}, "title": "Other"}),
    "arXiv's own DOI": ({"ids": {"arxiv": "2401.00001"}}, {"ids": {"doi": "10.48550/arXiv.2401.00001"}, "title": "Other"}),
    "a Semantic Scholar id": ({"ids": {"s2": "ab"}}, {"ids": {"s2": "AB", "doi": "10.1/x"}, "title": "Other"}),
    "title, author and year": (
        {"year": 2001, "authors": ["Ada Núñez"]}, {"title": "A Title: of a work!", "year": 2001, "authors": ["A. Nunez"]},
    ),
    "a preprint a year before": ({"year": 2001, "authors": ["Ada Lima"]}, {"year": 2002, "authors": ["A Lima"]}),
    "no year on one side, and the author agrees": ({"authors": ["Ada Lima"]}, {"year": 2002, "authors": ["A Lima"]}),
    "neither year nor author on both": ({}, {}),
    "the author with and without a suffix": (
        {"year": 1963, "authors": ["Martin Luther King Jr."]}, {"year": 1963, "authors": ["M. L. King"]},
    ),
    "the author's family named first": ({"year": 2001, "authors": ["Lima, Ada"]}, {"year": 2001, "authors": ["A. Lima"]}),
    "the author with and without a particle": (
        {"year": 2001, "authors": ["Jan van den Berg"]}, {"year": 2001, "authors": ["J. Berg"]},
    ),
}  # fmt: skip
OTHER: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "two DOIs": ({"ids": {"doi": "10.1/a"}, "year": 2001}, {"ids": {"doi": "10.1/b"}, "year": 2001}),
    "two arXiv ids": ({"ids": {"arxiv": "2401.00001"}}, {"ids": {"arxiv": "2401.00002"}}),
    "another first author": ({"year": 2001, "authors": ["Ada Lima"]}, {"year": 2001, "authors": ["Bo Ek"]}),
    "two authors of one suffix": (
        {"year": 2001, "authors": ["Ada Lima Jr."]}, {"year": 2001, "authors": ["Bo Ek Jr."]},
    ),
    "years apart": ({"year": 2001, "authors": ["Ada Lima"]}, {"year": 2004, "authors": ["Ada Lima"]}),
    "a year apart, and nobody knows who": ({"year": 2001}, {"year": 2002}),
    "no year, and nobody knows who": ({"year": 2001}, {}),
    "other titles": ({}, {"title": "Another"}),
    "no title and no id": ({"title": ""}, {"title": ""}),
}  # fmt: skip


@pytest.mark.parametrize("by", SAME)
def test_records_of_one_work_become_one(by: str) -> None:
    first, second = (work(key, **fields) for key, fields in zip("ab", SAME[by], strict=True))
    assert same_work(first, second) and same_work(second, first)
    assert len(deduplicate([first, second])) == len(deduplicate([second, first])) == 1


@pytest.mark.parametrize("by", OTHER)
def test_different_works_stay_two(by: str) -> None:
    first, second = (work(key, **fields) for key, fields in zip("ab", OTHER[by], strict=True))
    assert not same_work(first, second)
    assert len(deduplicate([first, second])) == 2


def test_a_record_that_links_two_makes_them_one_whatever_the_order() -> None:
    records = [
        work("a", "First", ids={"doi": "10.1/a"}),
        work("b", "Second", ids={"arxiv": "2401.00001"}),
        work("c", "Third", ids={"doi": "10.1/a", "arxiv": "2401.00001v2"}, abstract="Long."),
    ]
    for order in itertools.permutations(records):
        (joined,) = deduplicate(order)
        assert joined.ids["doi"] == "10.1/a" and joined.abstract == "Long."
        assert joined.key == order[0].key


def test_places_outlive_a_join() -> None:
    pool = Works()
    first = pool.add(work("a", "First", ids={"doi": "10.1/a"}))
    second = pool.add(work("b", "Second", ids={"arxiv": "2401.00001"}))
    pool.add(work("c", "Third", ids={"doi": "10.1/a", "arxiv": "2401.00001"}))
    assert pool.at(first) == pool.at(second) and pool.now(second) == first
    assert [place for place, _ in pool.items()] == [first]


def test_fields_are_merged_and_nothing_is_lost() -> None:
    one = work("a", year=2001, ids={"doi": "10.1/a"}, abstract="Short.", provenance=[{"source": "x"}])
    other = work(
        "b",
        ids={"doi": "10.1/a", "s2": "1"},
        abstract="A longer one.",
        venue="V",
        provenance=[{"source": "y"}],
        retracted=True,
    )
    (joined,) = deduplicate([one, other])
    assert (joined.key, joined.year, joined.venue, joined.abstract) == ("a", 2001, "V", "A longer one.")
    assert joined.ids == {"doi": "10.1/a", "s2": "1"} and joined.retracted
    assert [p.source for p in joined.provenance] == ["x", "y"]


def test_answers_are_fused_by_rank_and_a_work_counts_once_in_each() -> None:
    a, b, c = (work(key, f"Work {key}", ids={"doi": f"10.1/{key}"}) for key in "abc")
    twin = work("a2", "Work a again", ids={"doi": "10.1/A", "s2": "1"})
    assert [w.key for w in fuse([[b, a, twin], [twin, c]])] == ["a", "b", "c"]
    assert fuse([[b, a], [twin]], 1)[0].ids == {"doi": "10.1/a", "s2": "1"}
    assert fuse([]) == ()


def test_a_work_without_title_and_id_is_known_by_its_key() -> None:
    assert identities(work("k", "")) == ("key:k",)
