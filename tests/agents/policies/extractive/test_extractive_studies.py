"""The studies: that they find what is there, the user's own study, and programs that fail."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from peercycle.core.experiments import Experiment
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.sandboxing import DataSpec
from peercycle.core.writing import ResearchTask, UserStudy

STUDY = """
import json, random
from pathlib import Path
request = json.loads(Path("request.json").read_text())
rng = random.Random(request["seed"])
offset = float(Path("data/offset.txt").read_text()) if Path("data/offset.txt").exists() else 0.0
found = [{"metric": "yield_loss", "value": offset + base + rng.random() / 10, "unit": "t/ha", "group": name}
         for name, base in (("no-till", 0.5), ("plough", 2.0))]
Path("results.json").write_text(json.dumps({"measurements": found + [{"metric": "plots", "value": 12}]}))
Path("plot.png").write_bytes(b"not read by the policy")
"""


def drafted(benches: SimpleNamespace, **options: Any) -> Any:
    topic, bibliography = benches.corpus("soil_carbon")
    study, sandbox = options.pop("study", None), options.pop("sandbox", True)
    task = ResearchTask(topic=topic, bibliography=options.pop("bibliography", bibliography), study=study)
    bench = benches.Bench(task, settings=options.pop("settings", benches.quick), sandbox=sandbox, **options)
    benches.run(bench.draft())
    assert benches.faults_of(bench, bench.manuscripts[-1]) == []
    return bench


def value(bench: Any, identity: str) -> float:
    found = bench.work.results.measurement(identity)
    assert found is not None, identity
    return float(found.value)


def test_the_users_study_is_run_first_and_reported_first(benches: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "offset.txt").write_text("1.0")
    data = (DataSpec(name="offset.txt", kind="path", source=str(tmp_path / "offset.txt")),)
    bench = drafted(benches, study=UserStudy(name="yield_trial", script=STUDY, data=data))
    assert bench.plans[0].experiments[0].id == "study"
    paper = bench.manuscripts[-1]
    results = next(section.body for section in paper.sections if section.role == "results")
    assert results.startswith("The supplied study comes first.")
    assert results.split("\\subsection")[1].startswith("{The supplied study}")
    assert "``yield\\_trial''" in paper.abstract
    assert "study.yield_loss.plough.mean" in paper.abstract
    assert "their intervals do not overlap" in results
    ending = next(section.body for section in paper.sections if section.role == "conclusion")
    assert "study.yield_loss.plough.mean" in ending
    assert value(bench, "study.yield_loss.plough.mean") > 3.0
    assert [figure.file for figure in paper.figures] == ["study-plot.png"]


def test_the_users_study_is_run_even_where_the_list_is_too_short(benches: SimpleNamespace) -> None:
    short = Bibliography(entries=benches.corpus("soil_carbon")[1].entries[:3])
    bench = drafted(benches, study=UserStudy(script=STUDY), bibliography=short)
    assert [experiment.id for experiment in bench.plans[0].experiments] == ["study"]
    assert "The supplied study" in bench.manuscripts[-1].latex


def test_a_users_study_that_fails_is_not_changed_and_its_failure_is_said(benches: SimpleNamespace) -> None:
    bench = drafted(benches, study=UserStudy(script="raise SystemExit('out of memory')"))
    runs = [run for run in bench.work.results.executions if run.experiment == "study"]
    assert {run.attempt for run in runs} == {1}
    assert "The supplied study ``study'' yielded no result" in bench.manuscripts[-1].latex


def test_a_study_that_cannot_draw_is_run_without_its_figure(benches: SimpleNamespace) -> None:
    def no_matplotlib(experiment: Experiment, seed: int) -> str | None:
        draws = experiment.parameters.get("figure_seed") == seed
        return "ModuleNotFoundError: No module named 'matplotlib'" if draws else None

    settings = benches.quick.model_copy(update={"figures": True})
    bench = drafted(benches, settings=settings, break_programs=no_matplotlib)
    assert bench.manuscripts[-1].figures == ()
    assert value(bench, "retrieval.mrr.bm25.n") == 2
    benches.run(bench.revise([]))
    assert value(bench, "retrieval.mrr.bm25.n") == 3


def test_a_study_that_runs_too_long_is_made_cheaper(benches: SimpleNamespace) -> None:
    def slow(experiment: Experiment, seed: int) -> str | None:
        permutations = experiment.parameters.get("permutations", 0)
        return "timeout (signal 9)" if isinstance(permutations, int) and permutations > 500 else None

    settings = benches.quick.model_copy(update={"permutations": 999})
    bench = drafted(benches, settings=settings, break_programs=slow)
    assert value(bench, "gaps.pairs_tested.mean") > 0
    method = next(section.body for section in bench.manuscripts[-1].sections if section.role == "method")
    assert "499 permutations per seed" in method


def test_studies_that_fail_for_good_leave_a_paper_that_says_so(benches: SimpleNamespace) -> None:
    bench = drafted(benches, break_programs=lambda experiment, seed: "Traceback: boom")
    paper = bench.manuscripts[-1]
    assert "\\measured" not in paper.latex
    assert "Planned and without a result" in paper.latex
    assert "No study of the list yielded a number." in paper.abstract


def test_one_failed_seed_of_several_is_counted_and_said(benches: SimpleNamespace) -> None:
    def once(experiment: Experiment, seed: int) -> str | None:
        return "Traceback: boom" if experiment.id == "gaps" and seed == 1 else None

    bench = drafted(benches, break_programs=once)
    assert "``gaps'' gave no number for one seed" in bench.manuscripts[-1].latex


def planted(word_share: float, later: bool) -> Bibliography:
    """Forty works of noise words, where `planted` is used by the later works only, and `left` never with `right`."""
    rng = random.Random(3)
    noise = [f"noise{a}{b}" for a in "abcdefghij" for b in "klmnopqrst"]
    entries = []
    for index in range(40):
        year = 1980 + index
        words = rng.sample(noise, 20)
        words += ["left" if index % 2 else "right"]
        words += ["planted"] if (index >= 20 if later else rng.random() < word_share) else []
        rng.shuffle(words)
        entries.append(
            Reference(key=f"k{index}", title=f"Work {' '.join(words[:4])}", year=year, abstract=" ".join(words) + ".")
        )
    return Bibliography(entries=tuple(entries))


def test_a_planted_trend_and_a_planted_gap_are_found(benches: SimpleNamespace) -> None:
    bench = drafted(benches, bibliography=planted(0.5, later=True))
    assert value(bench, "trends.adjusted_p.planted.mean") < 0.05
    assert value(bench, "trends.year_shift.planted.mean") == 20.0
    pairs = {m.group: m for m in bench.work.results.measurements if m.id.startswith("gaps.joint_works")}
    assert {"left+right", "right+left"} & set(pairs)
    text = bench.manuscripts[-1].latex
    assert "those that use ``planted'' are later than chance" in text
    assert "Chance hardly explains how seldom the list joins ``left'' with ``right''" in text


def test_noise_has_no_trend(benches: SimpleNamespace) -> None:
    bench = drafted(benches, bibliography=planted(0.5, later=False))
    assert value(bench, "trends.shifted_terms.mean") == 0
    assert "none shifts over the years beyond chance" in bench.manuscripts[-1].abstract


def test_two_literatures_in_one_list_give_stable_clusters(benches: SimpleNamespace) -> None:
    rng = random.Random(5)
    words = [[f"{kind}{a}{b}" for a in "abcdefg" for b in "hijk"] for kind in ("reef", "coin")]
    entries = []
    for index in range(24):
        text = rng.sample(words[index % 2], 18)
        entries.append(Reference(key=f"k{index}", title=" ".join(text[:3]), year=2000, abstract=" ".join(text) + "."))
    both = Bibliography(entries=tuple(entries))
    settings = benches.quick.model_copy(update={"clusters": 2})
    bench = drafted(benches, bibliography=both, settings=settings)
    assert value(bench, "stability.adjusted_rand.observed.mean") > 0.8
    assert value(bench, "stability.adjusted_rand.shuffled.mean") < 0.4
