"""Questions that a map ends in: each follows from what was measured, and says from what."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from peercycle.agents.policies.extractive.material import Material
from peercycle.agents.policies.extractive.notes import Notes
from peercycle.agents.policies.extractive.sections import discussion
from peercycle.core.experiments import Measurement
from peercycle.core.writing import ResearchTask


@pytest.fixture(scope="module")
def bench(benches: SimpleNamespace) -> Any:
    """A list that had no question: its words neither shift nor miss one another, and its clusters are firm."""
    topic, bibliography = benches.corpus("clustering")
    made = benches.Bench(ResearchTask(topic=topic, bibliography=bibliography), settings=benches.quick)
    benches.run(made.draft())
    return made


def asked(
    benches: SimpleNamespace, bench: Any, changed: dict[tuple[str, str | None], list[float]] | None = None
) -> list[str]:
    """Return the questions, some metrics set: by metric and group (None: all groups), a value for each seed."""
    notes = Notes.model_validate_json(benches.run(bench.store.get(bench.work.memory)))
    places: dict[tuple[str, str | None, str], int] = {}

    def told(m: Measurement) -> Measurement:
        values = (changed or {}).get((m.metric, m.group), (changed or {}).get((m.metric, None)))
        if values is None:
            return m
        if m.derived:
            return m.model_copy(update={"value": sum(values) / len(values)})
        place = places[m.metric, m.group, m.experiment] = places.get((m.metric, m.group, m.experiment), -1) + 1
        return m.model_copy(update={"value": values[place % len(values)]})

    results = bench.work.results
    results = results.model_copy(update={"measurements": tuple(told(m) for m in results.measurements)})
    held = {name: getattr(bench.work, name) for name in bench.work.__slots__}
    work = type(bench.work)(**held | {"results": results})
    return discussion.questions(Material.of(work, notes, bench.settings, concluded=True))


def test_a_map_of_any_ordinary_list_ends_in_a_question(benches: SimpleNamespace) -> None:
    for name in benches.topics:
        topic, bibliography = benches.corpus(name)
        made = benches.Bench(ResearchTask(topic=topic, bibliography=bibliography), settings=benches.quick)
        benches.run(made.draft())
        paper = made.manuscripts[-1]
        assert re.search(r"\\paragraph\{Questions\.\} .*? from the list\.", paper.latex), name
        assert benches.faults_of(made, paper) == []


def test_a_map_of_which_nothing_was_measured_asks_nothing_of_measurements(benches: SimpleNamespace) -> None:
    topic, bibliography = benches.corpus("clustering")
    made = benches.Bench(ResearchTask(topic=topic, bibliography=bibliography), settings=benches.quick, sandbox=False)
    benches.run(made.draft())
    assert "paragraph{Questions.}" not in made.manuscripts[-1].latex


def test_two_firm_clusters_raise_the_question_of_what_bridges_them(benches: SimpleNamespace, bench: Any) -> None:
    (question,) = asked(benches, bench)
    assert question.startswith("Which works beyond the list bridge ``")
    assert question.endswith(
        "? Both clusters are stable on drawn works, so by their words the list keeps the two apart."
    )
    (between,) = asked(benches, bench, {("cluster_jaccard", None): [0.6]})
    assert re.match(
        r"Would a longer list bear out the cluster ``.+''~\\citep\{.+\}\? On drawn works it is neither", between
    )


def test_clusters_that_dissolve_raise_the_question_of_what_else_groups_the_works(
    benches: SimpleNamespace, bench: Any
) -> None:
    (of_all,) = asked(benches, bench, {("cluster_jaccard", None): [0.3]})
    assert of_all.endswith("the works they cite? By their words, both clusters dissolve on drawn works.")
    (of_one,) = asked(benches, bench, {("cluster_jaccard", "c1"): [0.3], ("cluster_jaccard", "c2"): [0.9]})
    assert re.match(
        r"What, beside their words, do the works under ``.+''~\\citep\{.+\} have in common\? As a", of_one
    )
    (by_chance,) = asked(benches, bench, {("adjusted_rand_gain", None): [0.1, -0.1]})
    assert by_chance.endswith("the clusters hold up better than clusters of shuffled words in one of the two seeds.")


def test_a_word_whose_works_are_later_or_earlier_raises_a_question(benches: SimpleNamespace, bench: Any) -> None:
    shift = ("adjusted_p", "random")
    later = asked(benches, bench, {shift: [0.01]})[0]
    assert later == (
        "Has research turned to ``random'', or only this list? The works of the list that use it are later than chance "
        "would have it."
    )
    earlier = asked(benches, bench, {shift: [0.01], ("year_shift", "random"): [-3.0]})[0]
    assert earlier.startswith(
        "Has research turned from ``random'', or does it say the same in other words? The works"
    )
    assert earlier.endswith(" are earlier than chance would have it.")
    undecided = asked(benches, bench, {shift: [0.01, 0.2]})[0]
    assert undecided == (
        "Does the use of ``random'' change over the years in works beyond the list? On the list, the test does not "
        "decide."
    )


def test_a_pair_that_few_works_join_raises_a_question(benches: SimpleNamespace, bench: Any) -> None:
    pair = ("adjusted_p", "centre+initialisation")
    firm = asked(benches, bench, {pair: [0.01]})[0]
    assert firm == (
        "Which works beyond the list join ``centres'' with ``initialisation''? The list joins this pair less often than "
        "chance would have it."
    )
    open_ = asked(benches, bench, {pair: [0.01, 0.2]})[0]
    assert open_.endswith("? The list seldom joins this pair, and the test does not decide whether that is chance.")
    other_forms = asked(benches, bench, {("adjusted_p", "centre+cluster"): [0.01]})
    assert not any("join" in question for question in other_forms)
