"""What a revision does about each kind of point, and what it declines."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from peercycle.agents.policies.extractive.answering import kind_of
from peercycle.core.literature import Bibliography
from peercycle.core.reviews import ReviewPoint
from peercycle.core.writing import ResearchTask


@pytest.fixture
def bench(benches: SimpleNamespace) -> Any:
    topic, bibliography = benches.corpus("soil_carbon")
    made = benches.Bench(ResearchTask(topic=topic, bibliography=bibliography), settings=benches.quick)
    benches.run(made.draft())
    return made


def answer(benches: SimpleNamespace, bench: Any, point: ReviewPoint) -> Any:
    benches.run(bench.revise([point]))
    assert benches.faults_of(bench, bench.manuscripts[-1]) == []
    return bench.revisions[-1].responses[0]


@pytest.mark.parametrize(
    ("check", "text", "kind"),
    [
        ("seeds_behind_comparisons", "One run behind a claim", "seeds"),
        ("intervals_shown", "A mean without an interval", "seeds"),
        (None, "Please report confidence intervals for the retrieval study.", "seeds"),
        ("numbers_bound", "0.93 in the abstract has no binding", "numbers"),
        ("citations_known", "smith2020 is not in the bibliography", "citations"),
        ("uncited_works", "12 works are never cited", "uncited"),
        ("figures_referred", "fig:gaps is not referred to", "floats"),
        ("limitations_specific", "The section names nothing", "limitations"),
        ("overlap_with_sources", "30 words follow the abstract of roy2004", "overlap"),
        (None, "What happens without the stop words? An ablation would help.", "ablation"),
        (None, "The contribution is incremental.", "novelty"),
        (None, "A larger dataset is needed.", "data"),
        (None, "It is unclear what an adjusted Rand index means.", "clarity"),
        (None, "Hello.", "unknown"),
    ],
)
def test_a_point_is_understood_by_its_check_or_its_words(check: str | None, text: str, kind: str) -> None:
    assert kind_of(ReviewPoint(id="p", text=text, check=check)) == kind


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (None, "More seeds for the retrieval study"),
        ("intervals_shown", "The retrieval study: a mean without an interval"),
    ],
)
def test_more_seeds_are_run_and_counted_with_the_earlier_ones(
    benches: SimpleNamespace, bench: Any, check: str | None, text: str
) -> None:
    before = bench.work.results
    response = answer(benches, bench, ReviewPoint(id="s", text=text, asks="evidence", check=check))
    assert response.action == "experiment"
    planned = {experiment.id: experiment for experiment in bench.plans[-1].experiments}
    assert planned["retrieval"].answers == (response.point,)
    assert planned["gaps"].answers == ()
    ran = {run.seed for run in before.executions if run.experiment == "retrieval"}
    assert not ran & set(planned["retrieval"].seeds)
    number = next(m for m in bench.work.results.measurements if m.id == "retrieval.mrr.bm25.n")
    assert number.value == len(ran) + len(planned["retrieval"].seeds)
    ends = {m.id for m in bench.work.results.measurements}
    assert {"retrieval.mrr.bm25.ci95_low", "retrieval.mrr.bm25.ci95_high"} <= ends
    retrieval = bench.manuscripts[-1].latex.partition("subsection{Retrieval")[2]
    assert "{retrieval.mrr.bm25.ci95_low}" in retrieval


def test_an_ablation_is_run_and_stands_beside_the_study(benches: SimpleNamespace, bench: Any) -> None:
    response = answer(benches, bench, ReviewPoint(id="a", text="An ablation of the stop words", asks="evidence"))
    assert response.action == "experiment"
    planned = {experiment.id: experiment for experiment in bench.plans[-1].experiments}
    assert response.point in planned["retrieval-all-words"].answers
    assert "\\subsection{Ablations}" in bench.manuscripts[-1].latex


def test_a_round_without_points_still_uses_its_allowance(benches: SimpleNamespace, bench: Any) -> None:
    benches.run(bench.revise([]))
    assert {experiment.id for experiment in bench.plans[-1].experiments} >= {"retrieval", "retrieval-all-words"}


def test_seeds_end_at_their_limit_and_the_point_is_declined(benches: SimpleNamespace) -> None:
    topic, bibliography = benches.corpus("soil_carbon")
    settings = benches.quick.model_copy(update={"most_seeds": 2})
    bench = benches.Bench(ResearchTask(topic=topic, bibliography=bibliography), settings=settings)
    benches.run(bench.draft())
    response = answer(benches, bench, ReviewPoint(id="s", text="More seeds, please", asks="evidence"))
    assert response.action == "decline"
    assert "its limit" in response.answer


def test_limitations_become_specific_once_and_are_declined_after(benches: SimpleNamespace, bench: Any) -> None:
    before = bench.manuscripts[-1]
    point = ReviewPoint(id="l", text="The limitations are generic")
    assert answer(benches, bench, point).action == "text"
    old, new = (next(s.body for s in p.sections if s.role == "limitations") for p in (before, bench.manuscripts[-1]))
    assert len(new) > len(old)
    assert answer(benches, bench, point).action == "decline"


def test_quotations_become_shorter(benches: SimpleNamespace, bench: Any) -> None:
    assert answer(benches, bench, ReviewPoint(id="o", text="Verbatim overlap with the sources")).action == "text"
    quotes = [piece.split("''")[0] for piece in bench.manuscripts[-1].latex.split("``")[1:]]
    longest = max(len(quote.replace("[\\dots]", "").split()) for quote in quotes)
    earlier = [piece.split("''")[0] for piece in bench.manuscripts[-2].latex.split("``")[1:]]
    assert longest < max(len(quote.split()) for quote in earlier) or len(quotes) < len(earlier)


def test_an_uncited_work_is_cited_where_it_belongs(benches: SimpleNamespace, bench: Any) -> None:
    _, others = benches.corpus("volcano")
    stray = others.entries[0]
    entries = (*bench.work.bibliography.entries, stray)
    bench._set(bibliography=Bibliography(entries=entries))
    point = ReviewPoint(id="u", text="Some references are never cited", check="uncited_works")
    response = answer(benches, bench, point)
    assert response.action == "text"
    background = next(s.body for s in bench.manuscripts[-1].sections if s.role == "related")
    assert stray.key in background


@pytest.mark.parametrize(
    "point",
    [
        ReviewPoint(id="n", text="There is no novelty"),
        ReviewPoint(id="d", text="Human annotators should judge the clusters", asks="evidence"),
        ReviewPoint(id="x", text="Please add a proof of convergence", asks="evidence"),
        ReviewPoint(id="f", text="A figure is not referred to", check="figures_referred"),
        ReviewPoint(id="c", text="Unknown citation", check="citations_known"),
    ],
)
def test_what_cannot_be_done_truthfully_is_declined_with_a_reason(
    benches: SimpleNamespace, bench: Any, point: ReviewPoint
) -> None:
    response = answer(benches, bench, point)
    assert response.action == "decline"
    assert len(response.answer.split()) > 5


def test_without_a_sandbox_evidence_is_declined(benches: SimpleNamespace) -> None:
    topic, bibliography = benches.corpus("soil_carbon")
    task = ResearchTask(topic=topic, bibliography=bibliography)
    bench = benches.Bench(task, settings=benches.quick, sandbox=False)
    benches.run(bench.draft())
    for text in ("More seeds", "An ablation is missing"):
        response = answer(benches, bench, ReviewPoint(id="e", text=text, asks="evidence"))
        assert response.action == "decline"
        assert "no experiments" in response.answer
