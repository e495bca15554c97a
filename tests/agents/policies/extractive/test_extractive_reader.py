"""What a reader of eleven further papers found false or ill put: each once, as small as it can be shown."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from peercycle.agents.policies.extractive.corpus import read_corpus
from peercycle.agents.policies.extractive.formulas import is_mathematics
from peercycle.agents.policies.extractive.material import Material, dated_span
from peercycle.agents.policies.extractive.notes import Notes
from peercycle.agents.policies.extractive.sections import closing, discussion, result_gaps, result_trends
from peercycle.agents.policies.extractive.studies import gaps
from peercycle.core.content_words import is_content, words_of
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.topicality import TopicWords, off_topic
from peercycle.core.writing import ResearchTask


@pytest.fixture(scope="module")
def bench(benches: SimpleNamespace) -> Any:
    """A list of which some works have no year, no abstract, or a note in its place."""
    topic, bibliography = benches.corpus("urban_heat")
    entries = list(bibliography.entries)
    changes = ({"year": None}, {"year": None}, {"abstract": None}, {"abstract": "[No abstract available]"})
    entries[:4] = [entry.model_copy(update=change) for entry, change in zip(entries, changes, strict=False)]
    task = ResearchTask(topic=topic, bibliography=Bibliography(entries=tuple(entries)))
    made = benches.Bench(task, settings=benches.quick)
    benches.run(made.draft())
    return made


def material(benches: SimpleNamespace, bench: Any, *, p: dict[int, float] | None = None, **changes: Any) -> Material:
    """Return the bench's material with some notes changed, and a corrected p of every group for some seeds."""
    notes = Notes.model_validate_json(benches.run(bench.store.get(bench.work.memory))).model_copy(update=changes)
    results = bench.work.results
    if p is not None:
        measured = [
            m.model_copy(update={"value": p.get(m.seed, m.value)})
            if m.metric == "adjusted_p" and not m.derived
            else m
            for m in results.measurements
        ]
        results = results.model_copy(update={"measurements": tuple(measured)})
    held = {name: getattr(bench.work, name) for name in bench.work.__slots__}
    return Material.of(type(bench.work)(**held | {"results": results}), notes, bench.settings, concluded=True)


def test_the_verb_of_the_studies_that_leave_works_out_is_a_word(bench: Any) -> None:
    assert "studies of retrieval, trends and gaps leave them out." in bench.manuscripts[-1].latex


def test_years_are_said_to_be_those_of_the_dated_works_where_some_have_none(
    benches: SimpleNamespace, bench: Any
) -> None:
    paper = bench.manuscripts[-1]
    facts = material(benches, bench).notes.facts
    assert f"works (the dated ones from {facts.first_year} to {facts.last_year}) that were given" in paper.abstract
    assert f"The dated works of the list run from {facts.first_year} to {facts.last_year}." in paper.latex
    assert dated_span(2001, 2001, 1, 3) == " (the dated one of 2001)"
    assert dated_span(2001, 2009, 3, 3) == " from 2001 to 2009"
    assert dated_span(None, None, 0, 3) == ""
    clusters = material(benches, bench).notes.clusters
    assert sum(cluster.dated for cluster in clusters) == facts.dated


def test_works_of_which_only_the_title_was_read_raise_one_question(bench: Any) -> None:
    text = bench.manuscripts[-1].latex
    assert "What do the works without an abstract add~" in text
    assert text.count("titles were read") + text.count("title was read") == 3


def test_a_note_in_the_place_of_an_abstract_is_none() -> None:
    def facts(abstract: str) -> Any:
        entry = Reference(key="a", entry_type="article", title="Heat in towns", year=2001, abstract=abstract)
        return read_corpus("", Bibliography(entries=(entry,))).facts

    for note in ("No abstract available.", "n/a", "[Abstract not available]", "--", "None"):
        assert facts(note).short == 0, note
        assert facts(note).without_abstract == ("a",)
    assert facts("No abstraction is made here.").short_abstract == ("a",)


def test_words_between_two_amounts_of_money_are_read() -> None:
    assert words_of("It cost $17 per ward, later $732 per bed") == "It cost per ward later per bed".split()
    assert words_of("The growth $x^2$ is fast") == "The growth is fast".split()


def test_a_dotted_abbreviation_is_one_word_and_no_single_letters() -> None:
    assert words_of("Yields of U.S. bonds, e.g. of J. Smith") == "Yields of US bonds eg of J Smith".split()
    assert list(TopicWords("Yield of U.S. bonds").spelt) == ["yield", "bond"]


@pytest.mark.parametrize("word", ["apart", "away", "despite", "none", "twice", "seldom"])
def test_no_cluster_is_named_by_a_word_of_grammar(word: str) -> None:
    assert not is_content(word)


def test_common_formulas_of_titles_print_as_formulas() -> None:
    for formula in (r"\vec{h} = \sum_i \vec{s}_i", r"E.\,coli", "p(x|y)", r"\int_0^1 f(t)\,dt", r"95\%"):
        assert is_mathematics(formula), formula
    for text in (r"\vec h", r"\sum__i", "tea for two", r"\write18{ls}"):
        assert not is_mathematics(text), text


def test_a_cluster_without_a_name_raises_no_question(benches: SimpleNamespace, bench: Any) -> None:
    plain = material(benches, bench)
    facts = plain.notes.facts.model_copy(update={"last_year": 2060})
    nameless = tuple(c.model_copy(update={"terms": ()}) for c in plain.notes.clusters)
    assert any("been continued" in q for q in discussion.questions(material(benches, bench, facts=facts)))
    assert not any(
        "been continued" in q for q in discussion.questions(material(benches, bench, clusters=nameless, facts=facts))
    )


def test_only_pairs_below_chance_are_reported_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    uses = np.array([[1, 1, 0]] * 4 + [[1, 1, 1]] * 2 + [[0, 0, 1]] * 4 + [[0, 0, 0]] * 2)
    works = [
        {"title": ["t"], "abstract": [w for w, u in zip("abc", row, strict=True) if u] or ["z"], "apart": False}
        for row in uses
    ]
    parameters = {
        "terms": {"a": "a", "b": "b", "c": "c"}, "shown": {}, "titles": True, "permutations": 99,
        "reported_pairs": 6, "like": 5, "details": True, "figure_seed": None,
    }  # fmt: skip
    Path("request.json").write_text(json.dumps({"seed": 0, "parameters": parameters}), encoding="utf-8")
    Path("corpus.json").write_text(json.dumps({"works": works, "stopwords": []}), encoding="utf-8")
    gaps.main()
    found = json.loads(Path("results.json").read_text(encoding="utf-8"))["measurements"]
    assert {m["group"] for m in found if m["metric"] == "adjusted_p"} == {"a+c", "b+c"}
    assert next(m["value"] for m in found if m["metric"] == "pairs_tested") == 3


def test_a_word_or_pair_that_passes_with_some_seeds_is_left_undecided(benches: SimpleNamespace, bench: Any) -> None:
    seeds = {m.seed for m in bench.work.results.measurements if not m.derived}
    m = material(benches, bench, p={seed: 0.04 if seed == min(seeds) else 0.2 for seed in seeds})
    assert "No word passes the corrected test with every seed; ``" in result_trends.verdict(m)
    assert "gives no evidence" not in result_trends.verdict(m)
    assert result_trends.summary(m).endswith("beyond chance with every seed.")
    assert "with some seeds only, so the test does not decide on them" in result_gaps.verdict(m)
    assert result_gaps.summary(m).endswith("than by chance with every seed.")
    section = discussion.discussion(m)
    assert section is not None
    assert "is missing beyond what chance" not in section.body


def test_pairs_in_the_abstract_are_told_apart(benches: SimpleNamespace, bench: Any) -> None:
    seeds = {m.seed for m in bench.work.results.measurements if not m.derived}
    m = material(benches, bench, p=dict.fromkeys(seeds, 0.01))
    number = len(result_gaps.below_chance(m))
    assert number > 2
    assert "meet less often than chance would have it, among them ``" in result_gaps.summary(m)
    assert result_gaps.summary(m).count("'' with ``") == 2


def test_a_list_of_which_one_work_shares_a_word_with_the_topic_is_said_to_have_little_to_do_with_it(
    benches: SimpleNamespace,
) -> None:
    _, bibliography = benches.corpus("volcano")
    first = bibliography.entries[0]
    entries = (first.model_copy(update={"title": f"{first.title} by qubits"}), *bibliography.entries[1:])
    task = ResearchTask(topic="Superconducting qubit readout", bibliography=Bibliography(entries=entries))
    made = benches.Bench(task, settings=benches.quick, sandbox=False)
    benches.run(made.draft())
    paper = made.manuscripts[-1]
    said = off_topic(task.topic, entries)
    assert said is not None and "only 1 of " in said
    assert f"{said.partition(':')[0][1:]}. It is a map of the list" in paper.abstract
    assert "comes near to the topic" not in paper.latex
    assert f"{said[1:]}. What follows is a map of the list" in paper.latex
    assert benches.faults_of(made, paper) == []
    assert closing.conclusion(material(benches, made)) is not None
    assert made.logged == [], "the run has said it"


def test_the_method_says_among_which_abstracts_a_title_looks(bench: Any) -> None:
    text = bench.manuscripts[-1].latex
    assert "among all abstracts" not in text
    assert "Each seed draws four fifths of the works with title and abstract. Each title of these is a query" in text
