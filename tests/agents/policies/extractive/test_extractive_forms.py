"""Forms of one word, words of several languages, capitals of titles: none of them makes a gap or a name."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from peercycle.agents.policies.extractive.corpus import MappedWork
from peercycle.agents.policies.extractive.forms import joined_in_other_forms
from peercycle.agents.policies.extractive.languages import told_apart
from peercycle.agents.policies.extractive.notes import Notes, Term
from peercycle.agents.policies.extractive.studies import gaps
from peercycle.agents.policies.extractive.terms import content_tokens, plain_titles, tokens_of
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.writing import ResearchTask

ENGLISH = "The {0} of the lakes were measured from a boat, and the ice in them was of a depth that grew with the {1}."
SPANISH = (
    "Las {0} de los lagos no fueron muy grandes, pero según este estudio crecen cuando hay más {1} en los valles."
)
ODD = "abcdefghijklmnop"


def work(abstract: str, title: str = "T") -> MappedWork:
    return MappedWork(
        key=abstract[:5], citable=True, title=title, abstract=abstract, year=2000, words=f"{title}. {abstract}",
        title_tokens=tuple(tokens_of(title)), abstract_tokens=tuple(tokens_of(abstract)),
    )  # fmt: skip


def term(word: str) -> Term:
    return Term(group=word, word=word, shown=word, works=3)


def entries(abstract: str, number: int, mark: str) -> list[Reference]:
    return [
        Reference(
            key=f"{mark}{i}",
            title=f"{mark} {ODD[i]}a{mark}",
            year=2000 + i,
            abstract=abstract.format(ODD[i] * 3, mark),
        )
        for i in range(number)
    ]


def drafted(benches: SimpleNamespace, given: list[Reference]) -> Any:
    task = ResearchTask(topic="lakes", bibliography=Bibliography(entries=tuple(given)))
    bench = benches.Bench(task, settings=benches.quick)
    benches.run(bench.draft())
    assert benches.faults_of(bench, bench.manuscripts[-1]) == []
    return bench


@pytest.mark.parametrize(
    ("title", "plain"),
    [
        ("Strength of Corroded Girders", "Strength of corroded girders"),
        ("Diffusion Policies for Robot Hands", "Diffusion Policies for robot hands"),
        ("Control of Text-to-Image Models", "Control of text-to-image models"),
        ("Milestones of the Roman Roads", "Milestones of the Roman roads"),
        ("Repair of BERT Models", "Repair of BERT models"),
        ("CORRODED GIRDERS", "corroded girders"),
        ("The girders of Models, a town", "The girders of Models, a town"),
    ],
)
def test_capitals_of_title_case_go_where_running_text_writes_the_word_small(title: str, plain: str) -> None:
    running = "A robot hand pulled corroded girders on Roman roads; text-to-image models and bert know the way."
    assert plain_titles([title], [running]) == [plain]


def test_units_of_measure_are_no_words_of_a_subject() -> None:
    assert content_tokens("Two tonnes per hectare after six weeks and old days") == []


def test_abstracts_in_another_language_or_script_are_told_apart_from_most() -> None:
    russian = "Рассмотрены прорывы озёр за сорок лет, и показано, что большинство происходит в июле и августе."
    works = [work(ENGLISH.format("shores", "wind")) for _ in range(4)]
    foreign = [work(SPANISH.format("orillas", "nieve")), work(russian)]
    assert [w.apart for w in told_apart([*works, *foreign])] == [False] * 4 + [True] * 2
    assert [w.apart for w in told_apart([*works[:1], *foreign])] == [True, False, False]


def test_works_in_another_language_are_left_out_of_the_studies_of_words_and_named(benches: SimpleNamespace) -> None:
    bench = drafted(benches, [*entries(ENGLISH, 12, "north"), *entries(SPANISH, 6, "sur")])
    text = bench.manuscripts[-1].latex
    assert "The abstracts of six works, among them~\\citep{sur0,sur1,sur2,sur3}, are, by letters and" in text
    assert "left out of the studies of trends and gaps" in text
    notes = Notes.model_validate_json(benches.run(bench.store.get(bench.work.memory)))
    assert not {t.word for t in notes.terms} & {"los", "lago", "estudio"}


def test_the_study_of_gaps_counts_no_work_in_another_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    works = [{"title": ["t"], "abstract": ["a", "b"], "apart": apart} for apart in [False] * 12 + [True] * 6]
    parameters = {
        "terms": {"a": "a", "b": "b"}, "shown": {}, "titles": True, "permutations": 9, "reported_pairs": 2, "like": 5,
        "details": True, "figure_seed": None,
    }  # fmt: skip
    Path("request.json").write_text(json.dumps({"seed": 0, "parameters": parameters}), encoding="utf-8")
    Path("corpus.json").write_text(json.dumps({"works": works, "stopwords": []}), encoding="utf-8")
    gaps.main()
    found = json.loads(Path("results.json").read_text(encoding="utf-8"))["measurements"]
    assert [m["value"] for m in found if m["metric"] == "works_with_abstract"] == [12]


def test_a_list_of_two_languages_too_short_in_each_bears_no_study_of_words(benches: SimpleNamespace) -> None:
    bench = drafted(benches, [*entries(ENGLISH, 7, "north"), *entries(SPANISH, 6, "sur")])
    assert not {"trends", "gaps"} & {experiment.id for experiment in bench.plans[0].experiments}
    assert "gaps, for which the rest are too few" in bench.manuscripts[-1].latex


def test_pairs_that_other_forms_of_the_words_join_are_known() -> None:
    works = [work("corrosion of decks and bars"), work("corroded steel girders"), work("loss of bars")]
    terms = [term("corrosion"), term("steel"), term("bar")]
    assert joined_in_other_forms(works, terms) == ("corrosion+steel",)


def test_no_gap_and_no_question_is_made_of_how_a_word_ends(benches: SimpleNamespace) -> None:
    ends = ["corrosion", "corroded steel"]
    given = [
        Reference(
            key=f"w{i}",
            title=f"Work {a * 3}",
            year=2000 + i,
            abstract=f"The {ends[i % 2]} was seen by the men in the field, and by {' and '.join(a + b + 'x' for b in 'pqrs')}.",
        )
        for i, a in enumerate(ODD)
    ]
    text = drafted(benches, given).manuscripts[-1].latex
    other = "More works of the list join other forms of these words, so this need be no gap."
    assert f"``corrosion'' with ``steel''. {other}" in text or f"``steel'' with ``corrosion''. {other}" in text
    assert "is joined less often than chance would have it, as the words stand, but not in all their forms." in text
    for claim in ("What is known of", "Chance hardly explains", "corrosion, corroded", "corroded, corrosion"):
        assert claim not in text
