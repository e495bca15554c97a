"""Lists that are empty, tiny, doubled, undated, in odd characters: what is said of them is true."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from peercycle.agents.policies.extractive import corpus as extractive_corpus
from peercycle.agents.policies.extractive import policy
from peercycle.core.literature import Bibliography, BibliographyProblem, Reference
from peercycle.core.writing import ResearchTask


def drafted(
    benches: SimpleNamespace, entries: tuple[Reference, ...], topic: str = "Volcanic gas", **more: Any
) -> Any:
    bibliography = Bibliography(entries=entries, problems=more.pop("problems", ()))
    bench = benches.Bench(ResearchTask(topic=topic, bibliography=bibliography), settings=benches.quick, **more)
    benches.run(bench.draft())
    assert benches.faults_of(bench, bench.manuscripts[-1]) == []
    return bench


@pytest.fixture
def volcano(benches: SimpleNamespace) -> tuple[Reference, ...]:
    return tuple(benches.corpus("volcano")[1].entries)


def test_an_empty_list_is_said_to_hold_nothing(benches: SimpleNamespace) -> None:
    bench = drafted(benches, ())
    assert "holds no usable work" in bench.manuscripts[-1].abstract
    assert bench.plans[0].experiments == ()


def test_a_list_of_nameless_entries_holds_no_work(benches: SimpleNamespace) -> None:
    bench = drafted(benches, (Reference(key="a"), Reference(key="b", year=2001)))
    assert "holds no usable work" in bench.manuscripts[-1].abstract


def test_one_work_is_described_and_not_mapped(benches: SimpleNamespace, volcano: tuple[Reference, ...]) -> None:
    text = drafted(benches, volcano[:1]).manuscripts[-1].latex
    assert "A single work cannot be mapped" in text
    assert "\\measured" not in text


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_a_handful_of_works_is_too_few_for_any_study(
    benches: SimpleNamespace, volcano: tuple[Reference, ...], number: int
) -> None:
    bench = drafted(benches, volcano[:number])
    assert bench.plans[0].experiments == ()
    assert bench.plans[0].declined


def test_titles_alone_give_a_map_without_measurement(
    benches: SimpleNamespace, volcano: tuple[Reference, ...]
) -> None:
    bare = tuple(entry.model_copy(update={"abstract": None}) for entry in volcano)
    bench = drafted(benches, bare)
    assert "so only titles were read" in bench.manuscripts[-1].latex
    assert "With no usable abstracts" in bench.manuscripts[-1].abstract


def test_no_trend_is_tested_where_no_work_is_dated(benches: SimpleNamespace, volcano: tuple[Reference, ...]) -> None:
    bench = drafted(benches, tuple(entry.model_copy(update={"year": None}) for entry in volcano))
    assert "trends" not in [experiment.id for experiment in bench.plans[0].experiments]
    assert "No work has a year." in bench.manuscripts[-1].latex


def test_an_entry_given_twice_is_one_work_and_is_said(
    benches: SimpleNamespace, volcano: tuple[Reference, ...]
) -> None:
    again = volcano[0].model_copy(update={"key": "again", "title": volcano[0].title.upper()})
    bench = drafted(benches, (*volcano, again))
    text = bench.manuscripts[-1].latex
    assert "left out is one entry for a work that an earlier entry names" in text
    assert "thirteen works" in text


def test_two_works_under_one_key_are_both_counted_and_one_is_cited(
    benches: SimpleNamespace, volcano: tuple[Reference, ...]
) -> None:
    clash = volcano[1].model_copy(update={"key": volcano[0].key})
    text = drafted(benches, (volcano[0], clash, *volcano[2:])).manuscripts[-1].latex
    assert "One work cannot be cited" in text


def test_markup_mathematics_and_unicode_in_titles_and_topic_print_as_given(
    benches: SimpleNamespace, volcano: tuple[Reference, ...]
) -> None:
    odd = Reference(
        key="odd_key:2020",
        title="100% of {SO}$_2$ & 50# of \\foo^ ~ <Ätna> in π_units $x^{2}$",
        authors=("Åsa Öberg",),
        year=2020,
        abstract=volcano[5].abstract,
    )
    chinese = Reference(key="cn", title="火山气体的早期预警", year=2021, abstract="火山 气体 " * 20)
    uncitable = Reference(key="bad key{", title="Gas & fire", abstract=volcano[6].abstract)
    bench = drafted(benches, (*volcano, odd, chinese, uncitable), topic="Gas & fire: % of \\volcano_es {in} $x^2$")
    text = bench.manuscripts[-1].latex
    assert "Gas \\& fire: \\% of \\textbackslash{}volcano\\_es \\{in\\} $x^2$" in text
    assert "bad key" not in text


def test_works_that_all_say_the_same_are_one_cluster_and_no_structure_is_claimed(
    benches: SimpleNamespace, volcano: tuple[Reference, ...]
) -> None:
    same = tuple(
        volcano[0].model_copy(update={"key": f"k{index}", "title": f"Tremor {'abcdefghijkl'[index]}{'xyz' * 2}"})
        for index in range(12)
    )
    bench = drafted(benches, same)
    assert benches.faults_of(bench, bench.manuscripts[-1]) == []


def test_a_topic_without_a_word_is_no_match_and_no_mismatch(
    benches: SimpleNamespace, volcano: tuple[Reference, ...]
) -> None:
    text = drafted(benches, volcano, topic="???").manuscripts[-1].latex
    assert "no content word that could be looked for" in text


def test_a_question_as_topic_stays_a_question(benches: SimpleNamespace, volcano: tuple[Reference, ...]) -> None:
    paper = drafted(benches, volcano, topic="Does gas foretell an eruption?").manuscripts[-1]
    assert "the question ``Does gas foretell an eruption?''" in paper.abstract


def test_damaged_entries_are_counted(benches: SimpleNamespace, volcano: tuple[Reference, ...]) -> None:
    damaged = volcano[3].model_copy(update={"recovered": True})
    problem = BibliographyProblem(line=3, message="never closed", key=damaged.key)
    bench = drafted(benches, (*volcano[:3], damaged, *volcano[4:]), problems=(problem,))
    assert "One entry was damaged in the file" in bench.manuscripts[-1].latex


def test_a_large_list_is_mapped_in_seconds(benches: SimpleNamespace) -> None:
    import time

    entries = [
        entry.model_copy(
            update={
                "key": f"{entry.key}x{copy}",
                "title": f"{entry.title} part {chr(97 + copy)}q",
                "year": 1960 + copy,
            }
        )
        for copy in range(8)
        for name in benches.topics
        for entry in benches.corpus(name)[1].entries
    ]
    bench = benches.Bench(
        ResearchTask(topic="Everything", bibliography=Bibliography(entries=tuple(entries))),
        settings=benches.quick,
        sandbox=False,
    )
    began = time.process_time()
    benches.run(bench.draft())
    assert time.process_time() - began < 60
    assert len(entries) > 1000
    assert benches.faults_of(bench, bench.manuscripts[-1]) == []


def test_of_a_huge_list_the_works_nearest_to_the_topic_are_mapped_and_that_is_said(
    benches: SimpleNamespace, volcano: tuple[Reference, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extractive_corpus, "MOST_MAPPED", 13)
    abstract = " ".join(["Bread and butter are baked in an oven by a patient baker every single morning."] * 2)
    others = tuple(
        Reference(key=f"far{n}", title=f"Baking loaf {n}", abstract=abstract, year=2001) for n in range(30)
    )
    topic = "Eruptions, magma, tremor, gas and deformation of a volcano: " + "; ".join(e.title for e in volcano)
    bench = drafted(benches, (*others, *volcano), topic)
    text = bench.manuscripts[-1].latex
    assert f"has {30 + len(volcano)} entries; this paper reads the 13 of them whose words come nearest" in text
    assert "The file that was given is longer" in text
    assert "aking" not in text
    assert [said for said in bench.logged if "the other 30 are not" in said]


def test_the_analysis_of_a_list_leaves_the_loop_free(
    benches: SimpleNamespace, volcano: tuple[Reference, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    reading = extractive_corpus.read_corpus

    def noting(*given: Any) -> Any:
        seen.append(threading.current_thread() is threading.main_thread())
        return reading(*given)

    monkeypatch.setattr(policy, "read_corpus", noting)
    drafted(benches, volcano)
    assert seen
    assert not any(seen)
