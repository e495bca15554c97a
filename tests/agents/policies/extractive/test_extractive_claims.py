"""What the text makes of its figures: no more, no less, and once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from peercycle.agents.policies.extractive.material import Material
from peercycle.agents.policies.extractive.notes import Cluster, Notes
from peercycle.agents.policies.extractive.sections import (
    discussion,
    mapping,
    result_ablations,
    result_gaps,
    result_retrieval,
)
from peercycle.core.experiments import Measurement
from peercycle.core.writing import ResearchTask

Values = dict[str, dict[int, float]]


@pytest.fixture(scope="module")
def bench(benches: SimpleNamespace) -> Any:
    topic, bibliography = benches.corpus("medieval_trade")
    made = benches.Bench(ResearchTask(topic=topic, bibliography=bibliography), settings=benches.quick, candidate="c1")
    benches.run(made.draft())
    for _ in range(2):
        benches.run(made.revise(()))
    return made


def material(benches: SimpleNamespace, bench: Any, values: Values | None = None, **changes: Any) -> Material:
    """Return the bench's material, some metrics set to a value per place of the seed, and some notes changed."""
    notes = Notes.model_validate_json(benches.run(bench.store.get(bench.work.memory))).model_copy(update=changes)
    results = bench.work.results
    seeds = sorted({m.seed for m in results.measurements if not m.derived and m.experiment == "retrieval"})

    def changed(m: Measurement) -> Measurement:
        wanted = (values or {}).get(m.metric, {})
        if m.derived or m.seed not in seeds or not wanted:
            return m
        return m.model_copy(update={"value": wanted.get(seeds.index(m.seed), wanted[-1])})

    results = results.model_copy(update={"measurements": tuple(changed(m) for m in results.measurements)})
    held = {name: getattr(bench.work, name) for name in bench.work.__slots__}
    return Material.of(type(bench.work)(**held | {"results": results}), notes, bench.settings, concluded=True)


def body(m: Material) -> str:
    section = discussion.discussion(m)
    assert section is not None
    return section.body


def cluster(name: str, keys: int, uses: tuple[int, ...] = (2,), last_year: int = 2000) -> Cluster:
    terms = tuple(name.split("+")) if name else ()
    return Cluster(
        label=0, name=" and ".join(terms) or "works that share no distinctive word", terms=terms, uses=uses,
        keys=tuple(f"k{i}" for i in range(keys)), dated=keys, first_year=1990, last_year=last_year,
    )  # fmt: skip


def test_an_advantage_that_most_seeds_show_is_uncertain_in_results_and_conclusion(
    benches: SimpleNamespace, bench: Any
) -> None:
    m = material(benches, bench, {"mrr_difference_low": {-1: -0.2}, "mrr_difference_high": {0: 0.01, -1: -0.05}})
    assert "so the advantage of TF-IDF is not certain" in result_retrieval.difference(m)
    assert result_retrieval.conclusion(m) == (
        "An advantage of TF-IDF in finding abstracts by their titles is not certain."
    )
    none = material(benches, bench, {"mrr_difference_low": {-1: -0.2}, "mrr_difference_high": {-1: 0.05}})
    assert "cannot be told apart" in result_retrieval.conclusion(none)


def test_an_ablation_is_told_for_both_systems_and_with_figures(
    benches: SimpleNamespace, bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: dict[tuple[str, str | None], tuple[float, float]] = {
        ("retrieval", "BM25"): (0.7, 0.8), ("retrieval-all-words", "BM25"): (0.7, 0.8),
        ("retrieval", "TF-IDF"): (0.8, 0.9), ("retrieval-all-words", "TF-IDF"): (0.5, 0.6),
    }  # fmt: skip
    m = material(benches, bench)
    real = type(m.findings).ends
    monkeypatch.setattr(
        type(m.findings), "ends",
        lambda self, x, metric, group=None: ends[x, group] if metric == "mrr" else real(self, x, metric, group),
    )  # fmt: skip
    text = result_ablations.ablations(m)
    assert (
        "kept, BM25's mean reciprocal rank does not change by more than the intervals over seeds cover; TF-IDF's"
        in text
    )
    assert " against \\measured{retrieval.mrr.tf-idf." in text.partition("\\begin{table}")[0]
    ends["retrieval-all-words", "TF-IDF"] = (0.8, 0.9)
    assert "With stop words kept, neither mean reciprocal rank changes by more than" in result_ablations.ablations(m)


def test_what_a_test_leaves_undecided_is_said_in_other_words_in_the_discussion(
    benches: SimpleNamespace, bench: Any
) -> None:
    m = material(benches, bench, {"adjusted_p": {0: 0.04, -1: 0.2}})
    said = result_gaps.open_pairs(m)
    assert said
    assert said not in body(m)
    assert "Whether chance explains how seldom the list joins" in body(m)


def test_one_pair_meets_and_two_pairs_meet(
    benches: SimpleNamespace, bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    m = material(benches, bench)
    groups = result_gaps.reported_pairs(m)
    for number, verb in ((1, "one pair meets"), (2, "two pairs meet")):
        monkeypatch.setattr(result_gaps, "below_chance", lambda _, n=number: groups[:n])
        assert f"By the corrected test, {verb} less often than chance" in result_gaps.verdict(m)


def test_a_name_says_how_many_works_of_the_cluster_use_its_words(benches: SimpleNamespace, bench: Any) -> None:
    clusters = material(benches, bench).notes.clusters
    assert all(2 <= n <= len(c.keys) for c in clusters for n in c.uses)
    m = material(benches, bench, clusters=(cluster("salt+herring", 5, (5, 2)), cluster("wool", 2, (2,))))
    section = mapping.the_map(m)
    assert section is not None
    assert "by the use of ``salt'' (all) and ``herring'' (two)." in section.body
    assert "by the use of ``wool'' (both)." in section.body


def test_one_word_that_two_works_share_raises_no_question(benches: SimpleNamespace, bench: Any) -> None:
    firm: Values = {"cluster_jaccard": {-1: 0.9}}
    facts = material(benches, bench).notes.facts.model_copy(update={"last_year": 2030})
    for name, asked in (("old", False), ("old+herring", True)):
        made = (cluster("salt", 9), cluster(name, 2))
        asking = discussion.questions(material(benches, bench, firm, clusters=made, facts=facts))
        assert any(f"``{' and '.join(name.split('+'))}''" in question for question in asking) is asked


def test_a_list_leans_to_no_cluster_without_a_name(benches: SimpleNamespace, bench: Any) -> None:
    text = body(material(benches, bench, clusters=(cluster("", 9, ()), cluster("salt", 2))))
    assert "leans to" not in text
    assert "The largest cluster, of nine of the " in text
    several = (cluster("", 9, ()), cluster("salt", 9), cluster("wool", 2))
    assert "The largest clusters, of nine of the " in body(material(benches, bench, clusters=several))
