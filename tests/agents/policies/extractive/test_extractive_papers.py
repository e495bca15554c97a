"""Papers of ten topics, each drafted and revised: what is printed is bound, cited, quoted and referred to rightly."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from peercycle.core.literature import Bibliography, Reference
from peercycle.core.reviews import ReviewPoint
from peercycle.core.topicality import off_topic
from peercycle.core.writing import ResearchTask

TEN_TOPICS = (
    "batteries",
    "bird_song",
    "clustering",
    "coral_reefs",
    "graph_learning",
    "medieval_trade",
    "soil_carbon",
    "sorting",
    "urban_heat",
    "volcano",
)
POINTS = (
    ReviewPoint(
        id="seeds", text="Few repetitions behind the comparison", asks="evidence", check="seeds_behind_comparisons"
    ),
    ReviewPoint(id="ablation", text="Nothing shows what stop words do: an ablation is missing", asks="evidence"),
    ReviewPoint(id="limits", text="The limitations could be more specific", check="limitations_specific"),
    ReviewPoint(id="overlap", text="Long passages overlap with the sources", check="overlap_with_sources"),
    ReviewPoint(id="novelty", text="The paper is not novel"),
)


def drafted(benches: SimpleNamespace, name: str, **options: Any) -> Any:
    topic, bibliography = benches.corpus(name)
    task = ResearchTask(topic=options.pop("topic", topic), bibliography=options.pop("bibliography", bibliography))
    bench = benches.Bench(task, **({"settings": benches.quick} | options))
    benches.run(bench.draft())
    return bench


@pytest.mark.parametrize("name", TEN_TOPICS)
def test_a_draft_on_any_topic_is_without_fault(benches: SimpleNamespace, name: str) -> None:
    bench = drafted(benches, name)
    manuscript = bench.manuscripts[-1]
    assert benches.faults_of(bench, manuscript) == []
    roles = {section.role for section in manuscript.sections}
    assert {"introduction", "related", "method", "results", "discussion", "limitations", "conclusion"} <= roles
    assert set(TEN_TOPICS) == set(benches.topics)


@pytest.mark.parametrize("name", ["coral_reefs", "sorting"])
def test_two_revisions_are_without_fault_and_rest_on_more_seeds(benches: SimpleNamespace, name: str) -> None:
    bench = drafted(benches, name)
    for _ in range(2):
        benches.run(bench.revise(POINTS))
        assert benches.faults_of(bench, bench.manuscripts[-1]) == []
    manuscript = bench.manuscripts[-1]
    seeds = {m.seed for m in bench.work.results.measurements if m.experiment == "retrieval" and m.seed is not None}
    assert len(seeds) == 4
    ablations = {e.id for e in bench.work.results.experiments if "-all-words" in e.id or "-no-titles" in e.id}
    assert len(ablations) == 4
    assert all(a in manuscript.latex for a in ("Ablations", "stop words kept", "words in abstracts alone"))


def test_two_runs_give_the_same_bytes(benches: SimpleNamespace) -> None:
    settings = benches.quick.model_copy(update={"figures": True})
    one, other = (drafted(benches, "volcano", settings=settings, subprocesses=True) for _ in "ab")
    assert one.manuscripts[-1] == other.manuscripts[-1]
    assert set(one.store.bodies) == set(other.store.bodies)
    assert len(one.manuscripts[-1].figures) == 4
    assert benches.faults_of(one, one.manuscripts[-1]) == []


def test_candidates_differ_in_clusters_and_weights(benches: SimpleNamespace) -> None:
    papers = [
        drafted(benches, "bird_song", candidate=f"c{index}", sandbox=False).manuscripts[-1] for index in range(3)
    ]
    maps = [next(s.body for s in paper.sections if s.heading == "The map") for paper in papers]
    methods = [next(s.body for s in paper.sections if s.role == "method") for paper in papers]
    assert len(set(maps)) == 3
    assert len(set(methods)) == 3


def test_another_run_seed_gives_other_seeds_and_another_row_of_strategies(benches: SimpleNamespace) -> None:
    from peercycle.core.runs import RunOptions

    one, other = (drafted(benches, "volcano", options=RunOptions(seed=seed)) for seed in (0, 7))
    assert one.plans[0].experiments[0].seeds != other.plans[0].experiments[0].seeds
    assert one.manuscripts[-1] != other.manuscripts[-1]


def test_the_text_before_any_result_claims_none(benches: SimpleNamespace) -> None:
    topic, bibliography = benches.corpus("batteries")
    bench = benches.Bench(ResearchTask(topic=topic, bibliography=bibliography), settings=benches.quick)
    benches.run(bench.call("outline"))
    written = benches.run(bench.call("write"))
    assert "\\measured" not in written.latex
    assert not any(section.role == "results" for section in written.sections)
    assert benches.faults_of(bench, written) == []


def test_works_found_beyond_the_list_are_cited_apart_from_the_map(benches: SimpleNamespace) -> None:
    _, others = benches.corpus("volcano")
    bench = drafted(benches, "batteries", beyond=others.entries[:2])
    body = {section.heading: section.body for section in bench.manuscripts[-1].sections}
    assert all(entry.key in body["Background"] and entry.key not in body["The map"] for entry in others.entries[:2])
    assert benches.faults_of(bench, bench.manuscripts[-1]) == []


def test_without_a_sandbox_no_number_is_given_and_what_was_not_run_is_said(benches: SimpleNamespace) -> None:
    bench = drafted(benches, "urban_heat", sandbox=False)
    text = bench.manuscripts[-1].latex
    assert "\\measured" not in text
    assert "No program was run for this paper" in text
    assert bench.plans[0].experiments == ()
    assert bench.plans[0].declined is not None
    assert benches.faults_of(bench, bench.manuscripts[-1]) == []


def test_a_topic_that_has_nothing_to_do_with_the_list_is_said(benches: SimpleNamespace) -> None:
    bench = drafted(benches, "medieval_trade", topic="Quantum error correction", sandbox=False)
    paper = bench.manuscripts[-1]
    assert "no content word of the topic occurs in the list" in paper.latex
    assert "nothing to do with the topic" in paper.latex
    said = off_topic("Quantum error correction", bench.task.bibliography.entries)
    assert said is not None
    assert said[1:] in paper.latex, "in the words of the run's warning"
    assert f"{said.partition(':')[0][1:]}. It is a map of the list and not of the topic" in paper.abstract
    assert bench.logged == [], "the run has said it"
    assert benches.faults_of(bench, paper) == []


def test_a_topic_that_fits_in_part_is_said_to(benches: SimpleNamespace) -> None:
    bench = drafted(benches, "medieval_trade", topic="Coin forgery and alchemy", sandbox=False)
    assert "covers the topic in part at most" in bench.manuscripts[-1].latex
    assert "``forgery'' and ``alchemy''" in bench.manuscripts[-1].latex


def test_fewer_than_ten_abstracts_are_too_few_and_nothing_is_run(benches: SimpleNamespace) -> None:
    _, bibliography = benches.corpus("soil_carbon")
    few = Bibliography(
        entries=tuple(
            entry if index < 9 else entry.model_copy(update={"abstract": None})
            for index, entry in enumerate(bibliography.entries)
        )
    )
    bench = drafted(benches, "soil_carbon", bibliography=few)
    assert bench.plans[0].experiments == ()
    assert "has nine usable abstracts" in (bench.plans[0].declined or "")
    paper = bench.manuscripts[-1]
    assert "With nine usable abstracts the list is too short" in paper.abstract
    assert "\\measured" not in paper.latex
    assert benches.faults_of(bench, paper) == []


def test_a_numerical_study_is_added_only_where_the_match_is_high(benches: SimpleNamespace) -> None:
    sorting = drafted(benches, "sorting")
    assert "sorting" in [experiment.id for experiment in sorting.plans[0].experiments]
    method = next(section.body for section in sorting.manuscripts[-1].sections if section.role == "method")
    assert re.search(r"the match is [01]\.\d\d", method)
    assert "threshold is 0.50" in method
    for name, topic in (("urban_heat", "Waste sorting and k-means of cities"), ("coral_reefs", "Monte Carlo reefs")):
        other = drafted(benches, name, topic=topic)
        ids = {experiment.id for experiment in other.plans[0].experiments}
        assert ids <= {"stability", "retrieval", "trends", "gaps"}


@pytest.mark.parametrize(("foreign", "more"), [(1, None), (3, None), (8, "and two others.")])
def test_works_that_share_no_word_with_the_topic_are_named(
    benches: SimpleNamespace, foreign: int, more: str | None
) -> None:
    _, bibliography = benches.corpus("sorting")
    others = tuple(
        Reference(key=f"foreign{n}", title=f"Qu{'abcdefgh'[n]}rtz", authors=("Ann Lee",), year=2000)
        for n in range(foreign)
    )
    mixed = bibliography.model_copy(update={"entries": (*bibliography.entries, *others)})
    paper = drafted(benches, "sorting", bibliography=mixed, sandbox=False).manuscripts[-1]
    first = paper.sections[0].body
    number = {1: "One work does", 3: "Three works do", 8: "Eight works do"}[foreign]
    assert f"{number} not use any of them: ``Quartz''~\\citep{{foreign0}}" in first
    assert first.count("\\citep{foreign") == min(foreign, 6)
    assert more is None or more in first
