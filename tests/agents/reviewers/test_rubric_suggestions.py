"""What the rubric suggests though its checks hold: once, in one point, and never again what was done."""

from __future__ import annotations

from peercycle.agents.reviewers.rubric.reviewer import assess
from peercycle.agents.reviewers.rubric.settings import RubricSettings
from peercycle.core.experiments import Experiment, ExperimentResults, Measurement
from peercycle.core.reviews import Assessment, ReviewPoint, Submission
from peercycle.core.writing import Manuscript


def _results(**seeds: int) -> ExperimentResults:
    """Return results of experiments by name, each over so many seeds; `a_half` is `a` with another parameter."""
    names = {name: name.replace("_", "-") for name in seeds}
    experiments = tuple(
        Experiment(
            id=names[name],
            question="q",
            script=f"run {name[0]}",
            parameters={"half": "half" in name},
            seeds=tuple(range(n)),
        )
        for name, n in seeds.items()
    )
    measurements = tuple(
        Measurement(id=f"{names[name]}.{s}", metric="score", value=0.5, experiment=names[name], seed=s)
        for name, n in seeds.items()
        for s in range(n)
    )
    return ExperimentResults(measurements=measurements, experiments=experiments)


def _points(results: ExperimentResults, *earlier: Assessment) -> tuple[Assessment, tuple[ReviewPoint, ...]]:
    paper = Submission(manuscript=Manuscript(title="T", abstract="A."), results=results, earlier=earlier)
    assessment = assess(paper, RubricSettings())
    names = {"experiments-are-repeated", "ablations-are-run"}
    return assessment, tuple(p for p in assessment.points if p.check in names)


def test_few_seeds_are_one_point_that_names_all_experiments_and_what_would_do() -> None:
    _, points = _points(_results(a=3, b=4, c=6))
    (seeds,) = [p for p in points if p.check == "experiments-are-repeated"]
    assert "'a' over 3, 'b' over 4; run each over 5 at least" in seeds.text
    assert "'c'" not in seeds.text


def test_a_suggestion_that_was_done_does_not_return() -> None:
    first, asked = _points(_results(a=3, b=3))
    assert {p.check for p in asked} == {"experiments-are-repeated", "ablations-are-run"}
    second, again = _points(_results(a=6, b=6, a_half=3), first)
    assert [p.text.partition(": ")[0] for p in again] == ["ablations-are-run"]
    assert "'a'" not in again[0].text
    assert "'b'" in again[0].text
    _, third = _points(_results(a=9, b=9, a_half=6, b_half=3), second)
    assert third == ()


def test_an_ablation_that_nobody_could_run_is_not_asked_for_again() -> None:
    first, _ = _points(_results(a=6, b=6))
    second, asked = _points(_results(a=6, b=6, a_half=3), first)
    assert len(asked) == 1
    third, again = _points(_results(a=9, b=9, a_half=6), second)
    assert again == ()
    open_ = [p.text for p in third.points if p.check == "earlier-points-are-answered"]
    assert not any("ablations-are-run" in text for text in open_)
    assert _points(_results(a=9, b=9, a_half=6), third)[1] == ()


def test_a_single_program_is_not_asked_for_an_ablation() -> None:
    assert _points(_results(a=6))[1] == ()


def test_what_an_experiment_answered_is_told_from_a_later_point_of_the_same_check() -> None:
    first, (asked, *_) = _points(_results(a=3))
    ran = _results(a=4)
    answering = ran.experiments[0].model_copy(update={"answers": (asked.id,)})
    results = ran.model_copy(update={"experiments": (answering,)})
    second, (again, *_) = _points(results, first)
    assert again.check == asked.check == "experiments-are-repeated"
    assert again.id != asked.id
    third, _ = _points(results, second)
    assert any("4" in p.text for p in third.points if p.check == "earlier-points-are-answered"), "nobody answered it"
