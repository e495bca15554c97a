"""Every published format, written by a grammar with the drifts that were seen: nothing of it is lost."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
from tests.agents.formats.grammar_papers import paper
from tests.agents.formats.grammar_reviews import Said, Written, cyclereviewer, deepreviewer

from peercycle.agents.formats import cycleresearcher
from peercycle.agents.formats import cyclereviewer as cyclereviews
from peercycle.agents.formats import deepreviewer as deepreviews
from peercycle.core.reviews import Assessment, Review

SCORES = ("soundness", "presentation", "contribution", "rating", "confidence")


def _same(said: Said, read: Review) -> None:
    assert {name: getattr(read, name) for name in SCORES} == said.scores
    assert read.summary == said.summary
    for name, texts in said.lists.items():
        assert list(getattr(read, name)) == texts, name


def _all_same(written: Written, read: Assessment) -> None:
    assert len(read.reviews) == len(written.reviews)
    for said, review in zip(written.reviews, read.reviews, strict=True):
        _same(said, review)
    assert read.decision == written.decision


@pytest.mark.parametrize("seed", range(120))
def test_nothing_of_a_cyclereviewer_output_is_lost(seed: int) -> None:
    written = cyclereviewer(random.Random(seed))
    read = cyclereviews.parse(written.text)
    _all_same(written, read)
    assert read.meta_review == written.meta
    assert all(review.ethics_flag == "No ethics review needed." for review in read.reviews)
    assert read.problems == ()


@pytest.mark.parametrize("seed", range(120))
@pytest.mark.parametrize("mode", ["fast", "standard"])
def test_nothing_of_a_deepreviewer_output_is_lost(seed: int, mode: str) -> None:
    written = deepreviewer(random.Random(seed), mode)
    read = deepreviews.parse(written.text)
    _all_same(written, read)
    assert read.problems == ()
    assert read.verification == written.verification
    verdicts: Any = read.notes.get("verdicts", [])
    assert [verdict["validity"] for verdict in verdicts] == written.verdicts
    if mode == "standard":
        assert read.meta_review == written.meta
        scores: Any = read.notes["meta_scores"]
        assert scores["rating"] == written.meta_rating


@pytest.mark.parametrize("seed", range(60))
def test_the_questions_of_best_mode_are_the_three_that_were_asked(seed: int) -> None:
    written = deepreviewer(random.Random(seed), "questions")
    read = deepreviews.parse(written.text)
    assert list(read.questions) == written.questions
    assert not read.reviews
    assert read.notes["analysis"]


@pytest.mark.parametrize("seed", range(200))
def test_nothing_of_a_cycleresearcher_output_is_lost(seed: int) -> None:
    wrote = paper(random.Random(seed))
    read = cycleresearcher.parse(wrote.text)
    assert (read.motivation, read.idea) == (wrote.motivation, wrote.idea)
    assert [read.interestingness, read.feasibility, read.novelty] == list(wrote.ratings)
    assert (read.title, read.abstract) == (wrote.title, wrote.abstract)
    assert read.latex == f"{wrote.front}\n\n{wrote.back}"
    assert read.experimental_setup == wrote.setup
    assert read.experimental_results == wrote.results
    assert read.problems == ()


@pytest.mark.parametrize("seed", range(20))
def test_a_field_that_is_whole_in_a_beginning_is_read_from_it(seed: int) -> None:
    wrote = paper(random.Random(seed))
    cut = wrote.text.index("\\section{Methods}")
    read = cycleresearcher.parse(wrote.text[:cut])
    assert (read.motivation, read.idea, read.title, read.abstract) == (
        wrote.motivation,
        wrote.idea,
        wrote.title,
        wrote.abstract,
    )
    assert read.novelty == wrote.ratings[2]
    assert "\\section{Related Work}" in read.latex
    assert read.experimental_setup is None


def test_the_published_keys_are_those_of_the_model_card() -> None:
    read = cycleresearcher.parse(paper(random.Random(1)).text)
    assert sorted(read.to_published_dict()) == sorted(
        "generated_text motivation idea interestingness feasibility novelty title abstract Experimental_Setup "
        "Experimental_results latex".split()
    )


def test_every_block_that_deepreviewer_writes_is_described(repository: Path) -> None:
    described = set(re.findall(r"`\\boxed_(\w+)\{", (repository / "docs" / "formats.md").read_text()))
    modes = ("fast", "standard", "questions")
    written = {
        name for mode in modes for name in re.findall(r"\\boxed_(\w+)", deepreviewer(random.Random(1), mode).text)
    }
    assert len(written) == 5
    assert written == described
