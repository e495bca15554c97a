"""Wording that a reader found wrong: each defect once, as small as it can be shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from peercycle.agents.policies.extractive.corpus import MappedWork
from peercycle.agents.policies.extractive.material import Material
from peercycle.agents.policies.extractive.naming import cluster_terms, feature_counts
from peercycle.agents.policies.extractive.notes import Notes
from peercycle.agents.policies.extractive.pointing import points_back
from peercycle.agents.policies.extractive.sections import (
    discussion,
    result_ablations,
    result_gaps,
    result_stability,
)
from peercycle.agents.policies.extractive.terms import pair_spellings, spellings, tokens_of
from peercycle.agents.policies.extractive.topic import match_topic, nearest_to_topic
from peercycle.core.experiments import ExperimentResults
from peercycle.core.writing import ResearchTask


def named(inside: Sequence[MappedWork], works: Sequence[MappedWork]) -> tuple[str, ...]:
    return tuple(cluster_terms(inside, len(works), feature_counts(works), {}, Counter()))


def work(key: str, title: str, abstract: str = "") -> MappedWork:
    return MappedWork(
        key=key, citable=True, title=title, abstract=abstract, year=2000, words=f"{title}. {abstract}",
        title_tokens=tuple(tokens_of(title)), abstract_tokens=tuple(tokens_of(abstract)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def bench(benches: SimpleNamespace) -> Any:
    topic, bibliography = benches.corpus("medieval_trade")
    made = benches.Bench(ResearchTask(topic=topic, bibliography=bibliography), settings=benches.quick, candidate="c1")
    benches.run(made.draft())
    for _ in range(2):
        benches.run(made.revise(()))
    return made


def measured(benches: SimpleNamespace, bench: Any, metric: str, value: float, *, last_year: int | None = None) -> Any:
    """Return the bench's material with every measurement of a metric, and what derives from it, set to one value."""
    results: ExperimentResults = bench.work.results
    changed = [m.model_copy(update={"value": value}) if m.metric == metric else m for m in results.measurements]
    with_values = bench.work.results.model_copy(update={"measurements": tuple(changed)})
    notes = Notes.model_validate_json(benches.run(bench.store.get(bench.work.memory)))
    if last_year is not None:
        notes = notes.model_copy(update={"facts": notes.facts.model_copy(update={"last_year": last_year})})
    held = {name: getattr(bench.work, name) for name in bench.work.__slots__}
    return Material.of(type(bench.work)(**held | {"results": with_values}), notes, bench.settings, concluded=True)


def test_words_of_the_topic_that_any_abstract_uses_are_looked_for() -> None:
    works = [work("a", "The current state of reefs"), work("b", "Reefs under heat")]
    match = match_topic("The current state of the reefs", works)
    assert match.words == match.matched == ("current", "state", "reefs")
    assert nearest_to_topic("Current", works, 2) == ("a",)


def test_words_that_any_abstract_uses_make_no_list_fit_a_topic() -> None:
    works = [work("a", "A recent review of methods for reefs"), work("b", "Recent methods")]
    match = match_topic("A review of recent methods in forgery", works)
    assert match.verdict == "partial"
    assert match.matched == ("review", "recent", "methods")


def test_a_list_that_shares_only_such_words_with_the_topic_is_said_to(benches: SimpleNamespace) -> None:
    _, bibliography = benches.corpus("coral_reefs")
    task = ResearchTask(topic="Years of alchemy", bibliography=bibliography)
    bench = benches.Bench(task, settings=benches.quick, sandbox=False)
    benches.run(bench.draft())
    paper = bench.manuscripts[-1]
    assert "``years'', which any field uses, in this or another form" in paper.latex.lower()
    assert benches.faults_of(bench, paper) == []


@pytest.mark.parametrize(("value", "shown"), [(0.7496, "0.7496"), (0.746, "0.746"), (0.504, "0.504"), (0.75, "0.75")])
def test_a_similarity_prints_as_a_mark_only_where_it_is_one(
    benches: SimpleNamespace, bench: Any, value: float, shown: str
) -> None:
    text = result_stability.stability(measured(benches, bench, "cluster_jaccard", value))
    assert f"{{{shown}}}" in text.partition("Similarity \\\\")[2]


def test_clusters_that_all_dissolve_are_said_to_once_and_in_the_conclusion(
    benches: SimpleNamespace, bench: Any
) -> None:
    m = measured(benches, bench, "cluster_jaccard", 0.3)
    assert "By Hennig's marks all four clusters are dissolved;" in result_stability.stability(m)
    assert "is stable and" not in result_stability.stability(m)
    assert result_stability.conclusion(m).endswith("by Hennig's marks all four clusters are dissolved.")
    assert "dissolved" not in result_stability.conclusion(measured(benches, bench, "cluster_jaccard", 0.6))


def test_years_of_clusters_that_all_dissolve_raise_no_question(benches: SimpleNamespace, bench: Any) -> None:
    firm = measured(benches, bench, "cluster_jaccard", 0.8, last_year=2030)
    gone = measured(benches, bench, "cluster_jaccard", 0.3, last_year=2030)
    assert any("been continued after" in question for question in discussion.questions(firm))
    assert not any("``" in q and ("continued" in q or "so little" in q) for q in discussion.questions(gone))
    section = discussion.discussion(gone)
    assert section is not None
    assert "those of one arrangement of the list, and no sign of a gap" in section.body


def test_the_span_of_years_is_said_to_be_the_lists_and_not_its_largest_clusters(
    benches: SimpleNamespace, bench: Any
) -> None:
    section = discussion.discussion(measured(benches, bench, "adjusted_p", 0.97))
    assert section is not None
    assert "The dated works of the list run from " in section.body


def test_a_pair_that_chance_explains_is_no_lead(benches: SimpleNamespace, bench: Any) -> None:
    for p, named in ((0.97, False), (0.1, True)):
        m = measured(benches, bench, "adjusted_p", p)
        section = discussion.discussion(m)
        assert section is not None
        assert ("No work of the list joins" in section.body) is named
        assert ("lead" in section.body.partition("Gaps.")[2]) is named
        assert any("What is known of" in question for question in discussion.questions(m)) is named


def test_pairs_are_counted_of_those_tested(benches: SimpleNamespace, bench: Any) -> None:
    m = measured(benches, bench, "adjusted_p", 0.01)
    tested = m.findings.mean("gaps", "pairs_tested", None, 0)
    assert f" of the {tested} never meet in a work" in result_gaps.gaps(m)
    assert f"of the {tested} pairs of frequent words tested are joined" in result_gaps.conclusion(m)


def test_differences_between_studies_show_their_sign(benches: SimpleNamespace, bench: Any) -> None:
    text = result_ablations.ablations(measured(benches, bench, "adjusted_rand_gain", -0.0042))
    assert "{-0.004}" in text
    assert "\nQuantity & Change" in text


def test_a_name_holds_no_function_word_of_another_language() -> None:
    inside = [
        work(k, "Flechten auf Mauern", "Die Flechten wachsen nicht auf den Mauern und werden durch Regen nass, die Mauern")
        for k in "ab"
    ]  # fmt: skip
    names = named(inside, [*inside, work("c", "Reefs"), work("d", "Dunes")])
    words = {word for name in names for word in name.split()}
    assert words
    assert not words & {"die", "nicht", "den", "und", "werden", "durch"}


def test_a_word_of_an_english_work_is_no_function_word_of_another_language() -> None:
    inside = [work(k, "Why trees die", "The trees die where they are dry and the soil is poor") for k in "ab"]
    names = named(inside, [*inside, work("c", "Reefs"), work("d", "Dunes")])
    assert "die" in " ".join(names).split()


def test_a_name_is_used_mostly_inside_its_cluster() -> None:
    inside = [work(k, f"shade. moss. {k}") for k in ("aa", "bb")]
    outside = [work(k, f"{'shade' if k in {'cc', 'dd'} else 'dunes'} {k}") for k in ("cc", "dd", "ee", "ff", "gg")]
    assert "shade" not in named(inside, [*inside, *outside])


def test_two_words_name_a_cluster_before_a_bare_verb_form_of_equal_support() -> None:
    inside = [work(k, "written", "models trained. written. models trained here. other") for k in "abcd"]
    outside = [work(k, "models trained" if k < "ee" else "models") for k in ("cc", "dd", "ee", "ff", "gg", "hh")]
    names = named(inside, [*inside, *outside])
    assert names[0] == "model trained"


def test_ties_of_spelling_go_to_the_small_letter_unless_it_is_no_word_of_the_texts() -> None:
    spelt = spellings(
        ["The Reward grows", "the reward grows", "A DPO run", "a dpo run", "Gotland lies", "In Gotland"]
    )
    assert [spelt[word] for word in ("reward", "dpo", "gotland")] == ["reward", "DPO", "Gotland"]
    pairs = pair_spellings(["The Reward Model", "the reward model", "Baltic trade", "on Baltic trade"])
    assert (pairs["reward model"], pairs["baltic trade"]) == ("reward model", "Baltic trade")


@pytest.mark.parametrize(
    "sentence",
    [
        "This suggests that shading protects the symbionts of shallow corals",
        "These results show that town books were kept for credit, not for courts",
        "Such colonies survive a second summer more often than their neighbours",
        "In contrast, reflective roofs had no effect on mortality at night",
        "However, the index falls where hives are wintered indoors",
        "Taken together, these findings point to a role of sleep in learning",
        "In this region the grain went to Flanders in Dutch ships",
        "On Atari games and simulated locomotion this needs few labels of people",
        "From 1B to 30B parameters it matches or exceeds methods based on preferences",
        "A deep network learns the reward from both, and an agent is trained on it",
        "Both were higher in winter than in the summer of the same year",
        "As a result, prices of salt fell by half within a decade",
    ],
)
def test_a_sentence_that_points_back_is_known(sentence: str) -> None:
    assert points_back(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "This study examines the pitch of great tits in twelve cities",
        "In this paper a preference model is trained on ranked answers",
        "It is well known that heat waves raise mortality among older people",
        "Those who smoke were excluded from the sample of beekeepers",
        "Both wolves and bears avoided roads by night in the valley",
        "Neither shade nor water kept the surface cool at noon",
        "So-called quiet volcanoes inflated for years before they erupted",
        "In contrast to open hives, closed hives stayed damp through winter",
        "Second-growth forests stored half the carbon of old ones",
        "First records of lichens on mortar come from walls in Kent",
        "Colonies bleach when they warm, and this kills the fish that graze",
        "As a result of fishing, macroalgae covered more than half of the reef",
        "Here we show that basal ganglia drive the variability of song",
    ],
)
def test_a_sentence_that_stands_on_its_own_may_be_quoted(sentence: str) -> None:
    assert not points_back(sentence)


def test_no_passage_is_taken_that_points_back(benches: SimpleNamespace) -> None:
    topic, bibliography = benches.corpus("volcano")
    entries = tuple(
        e.model_copy(
            update={"abstract": f"However, {e.title.lower()} and {e.title.lower()} still remain to be seen by all."}
        )
        for e in bibliography.entries
    )
    bench = benches.Bench(
        ResearchTask(topic=topic, bibliography=bibliography.model_copy(update={"entries": entries})),
        settings=benches.quick, sandbox=False,
    )  # fmt: skip
    benches.run(bench.draft())
    assert "``However" not in bench.manuscripts[-1].latex
