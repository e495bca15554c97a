"""What the rubric reports, and what it refuses to reward."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.timing import cpu_seconds

from peercycle.agents.reviewers.rubric.reviewer import RubricReviewer
from peercycle.agents.reviewers.rubric.settings import RubricSettings
from peercycle.core.contracts import StageContext
from peercycle.core.errors import SettingsError
from peercycle.core.experiments import Execution, Experiment, ExperimentResults, Measurement
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.remembering import forget
from peercycle.core.reviews import Assessment, Check, Review, ReviewPoint, Submission
from peercycle.core.writing import Figure, Manuscript, Section

NOBODY = cast(StageContext, None)
"""The rubric asks nothing of the world: it works without a context."""

RESULTS = ExperimentResults(
    measurements=tuple(
        Measurement(id=f"{g}.{s}", metric="score", value=v + s / 1000, experiment="trial", group=g, seed=s)
        for g, v in (("drip", 0.713), ("flood", 0.642))
        for s in range(4)
    ),
    experiments=(Experiment(id="trial", question="Does drip beat flood irrigation?", script="", seeds=(0, 1, 2, 3)),),
)
SOURCES = Bibliography(
    entries=tuple(
        Reference(
            key=f"w{n}", title=f"{crop} under drought", abstract=f"{crop} yields fell by 1{n}.4% in a dry year."
        )
        for n, crop in enumerate(("Barley", "Sorghum", "Millet", "Lentils", "Chickpeas", "Cotton"))
    )
)
BODIES: dict[str, str] = {
    "introduction": "Drought is costly \\cite{w0}, and sorghum suffers less \\cite{w1}. We compare two ways.",
    "method": "We laid out plots for drip and flood irrigation, repeated it over 4 seeds and measured a score.",
    "results": "Drip reaches \\measured{drip.0}{0.713} and flood \\measured{flood.0}{0.642} in Table~\\ref{t}.\n"
    "\\begin{table}\\caption{Scores of both ways of watering.}\\label{t}\\begin{tabular}{lr}Way & Score \\\\"
    "Drip & \\measured{drip.1}{0.714} \\\\ Flood & \\measured{flood.1}{0.643} \\\\\\end{tabular}\\end{table}",
    "limitations": "The trial did not measure the cost of water. Only two ways of irrigation were compared.",
    "conclusion": "In this trial drip irrigation reached a higher score than flood irrigation did.",
}


def _paper(abstract: str = "Drip reaches \\measured{drip.0}{0.713} over 4 seeds.", **bodies: str) -> Submission:
    sections = tuple(
        Section.model_validate({"heading": role.capitalize(), "body": body, "role": role})
        for role, body in {**BODIES, **bodies}.items()
        if body
    )
    manuscript = Manuscript(title="Drip or flood", abstract=abstract, sections=sections)
    return Submission(manuscript=manuscript, bibliography=SOURCES, results=RESULTS)


def _review(submission: Submission, **more: object) -> Review:
    reviewer = RubricReviewer(RubricSettings.model_validate(more))
    assessment = asyncio.run(reviewer.review(submission, NOBODY))
    assert "no peer review" in assessment.machine_made
    return assessment.reviews[0]


def _rating(submission: Submission) -> float:
    rating = _review(submission).rating
    assert rating is not None
    return rating


def _check(review: Review, name: str) -> Check:
    return next(c for c in review.checks if c.name == name)


def test_it_counts_what_passed_of_what_applies_and_shows_the_evidence() -> None:
    review = _review(_paper())
    passed = sum(c.passed is True for c in review.checks)
    applicable = sum(c.passed is not None for c in review.checks)
    assert f"{passed} of {applicable} applicable checks passed" in review.summary
    assert all(c.evidence for c in review.checks)
    assert _check(review, "numbers-match-measurements").evidence == "5 of 5 bindings show their measurement"


def test_it_never_accepts_and_its_scale_is_stamped_uncalibrated() -> None:
    review = _review(_paper())
    assert review.decision is None
    assert (review.scale.low, review.scale.high, review.scale.calibrated) == (1, 10, False)
    assert "never fitted" in review.scale.note
    assert (review.soundness, review.presentation, review.contribution) == (None, None, None)


def test_it_says_the_same_twice() -> None:
    assert _review(_paper()) == _review(_paper())


def test_points_name_their_check_and_ask_for_evidence_where_text_cannot_help() -> None:
    one_seed = RESULTS.model_copy(update={"measurements": tuple(m for m in RESULTS.measurements if m.seed == 0)})
    review = _review(_paper().model_copy(update={"results": one_seed}))
    (point,) = [p for p in review.points if p.check == "experiments-are-repeated"]
    assert (point.asks, "1 seed" in point.text) == ("evidence", True)
    assert {p.check for p in review.points} <= {c.name for c in review.checks}
    assert len({p.id for p in review.points}) == len(review.points)


def test_a_wrong_number_is_a_point_with_its_place() -> None:
    review = _review(_paper(conclusion="Drip reached \\measured{drip.0}{0.731} in this trial of irrigation."))
    (point,) = [p for p in review.points if p.check == "numbers-match-measurements"]
    assert point.where == "Conclusion"
    assert "0.731" in point.text
    assert _check(review, "numbers-match-measurements").passed is False


def test_checks_that_need_measurements_do_not_apply_to_a_foreign_paper() -> None:
    review = _review(Submission(text="# On rain\n\n## Results\n\nIt rained 12.5 mm (95% CI 11.1 to 13.9).\n"))
    for name in ("numbers-match-measurements", "numbers-have-sources", "results-are-shown", "means-have-intervals"):
        assert _check(review, name).passed is None


def test_a_paper_that_drops_its_numbers_falls() -> None:
    dropped = _paper("Drip is fine.", results="Drip did well in the trial, and flood did less well in the trial.")
    assert _rating(dropped) < _rating(_paper()) - 1
    assert _check(_review(dropped), "results-are-shown").passed is False
    assert _check(_review(dropped), "numbers-match-measurements").passed is False


def test_an_empty_limitations_section_earns_nothing() -> None:
    without = _rating(_paper(limitations=""))
    assert _rating(_paper(limitations="")) < _rating(_paper())
    for empty in (
        "None.",
        "There are some limitations.",
        "Limitations will be addressed by future work in this area.",
    ):
        assert _rating(_paper(limitations=empty)) <= without + 0.35
        assert _check(_review(_paper(limitations=empty)), "limitations-are-specific").passed is False


@pytest.mark.parametrize(
    "padding",
    [
        "Much has been written \\cite{w0,w1,w2,w3,w4,w5}.",
        "Much has been written \\cite{w0}\\cite{w1}, \\cite{w2}; \\cite{w3} \\cite{w4} \\cite{w5}.",
        "Others wrote too \\cite{w2}. And others \\cite{w3}. Still others did \\cite{w4}. And more \\cite{w5}.",
    ],
)
def test_padded_citations_do_not_pay(padding: str) -> None:
    assert _rating(_paper(conclusion=f"{BODIES['conclusion']} {padding}")) <= _rating(_paper())


def test_a_repeated_table_does_not_pay() -> None:
    table = BODIES["results"][BODIES["results"].index("\\begin{table}") :]
    for copy in (
        table,
        table.replace("\\label{t}", "\\label{u}"),
        table.replace("Scores of", "Once more the scores of"),
    ):
        assert _rating(_paper(results=f"{BODIES['results']}\n{copy}")) < _rating(_paper())


def test_numbers_copied_from_sources_do_not_pay() -> None:
    copied = "The yield fell by 12.4\\% in a dry year."
    assert _rating(_paper(results=f"{BODIES['results']} {copied}")) < _rating(_paper())
    review = _review(_paper(results=f"{BODIES['results']} {copied}"))
    assert "'w2'" in next(p.text for p in review.points if p.check == "numbers-are-own")


def test_a_failed_execution_must_be_told() -> None:
    failed = Execution(id="x", experiment="trial", seed=9, status="timeout", script="sha256:" + "0" * 64)
    results = RESULTS.model_copy(update={"executions": (failed,)})
    silent = _paper().model_copy(update={"results": results})
    told = _paper(method=BODIES["method"] + " One run timed out.").model_copy(update={"results": results})
    assert _check(_review(silent), "failed-runs-are-told").passed is False
    assert _check(_review(told), "failed-runs-are-told").passed is True


def test_figures_must_exist_and_be_shown() -> None:
    figure = (
        "\\begin{figure}\\includegraphics{figures/a.png}\\caption{Scores by plot and year.}\\label{f}\\end{figure}"
    )
    submission = _paper(results=BODIES["results"] + f" See Figure~\\ref{{f}}.\n{figure}")
    assert _check(_review(submission), "figures-and-tables-are-used").passed is False
    assert submission.manuscript is not None
    for file, passed in (("a.png", True), ("b.png", False)):
        manuscript = submission.manuscript.model_copy(
            update={"figures": (Figure(file=file, artifact="sha256:" + "0" * 64),)}
        )
        review = _review(submission.model_copy(update={"manuscript": manuscript}))
        assert _check(review, "figures-and-tables-are-used").passed is passed


def test_earlier_points_stay_open_until_their_check_holds_or_their_experiment_ran() -> None:
    points = (
        ReviewPoint(id="a", text="Say limits.", check="limitations-are-specific"),
        ReviewPoint(id="b", text="Try salt.", asks="evidence"),
        ReviewPoint(id="c", text="Be brief."),
    )
    earlier = (Assessment(reviews=(Review(points=points),)),)
    open_ = _review(_paper(limitations="").model_copy(update={"earlier": earlier}))
    assert _check(open_, "earlier-points-are-answered").evidence == "0 of 2 earlier points are answered"
    ran = RESULTS.experiments[0].model_copy(update={"answers": ("r1.b",)})
    results = RESULTS.model_copy(update={"experiments": (ran,)})
    closed = _review(_paper().model_copy(update={"earlier": earlier, "results": results}))
    assert _check(closed, "earlier-points-are-answered").passed is True


def test_more_seeds_are_suggested_at_no_cost_and_closed_by_running_them_alone() -> None:
    first = _review(_paper())
    (point,) = [p for p in first.points if p.check == "experiments-are-repeated"]
    assert (point.asks, "over 4; run each over 5 at least" in point.text) == ("evidence", True)
    assert _check(first, "experiments-are-repeated").passed is True
    again = _paper().model_copy(update={"earlier": (Assessment(reviews=(first,)),)})
    assert _check(_review(again), "earlier-points-are-answered").evidence.startswith("0 of ")
    ran = RESULTS.experiments[0].model_copy(update={"answers": (f"r1.{point.id}",)})
    answered = again.model_copy(update={"results": RESULTS.model_copy(update={"experiments": (ran,)})})
    assert _check(_review(answered), "earlier-points-are-answered").evidence.startswith("1 of ")


def test_checks_can_be_left_out_and_a_misspelt_one_is_an_error() -> None:
    assert "latex-is-whole" not in {c.name for c in _review(_paper(), skip=("latex-is-whole",)).checks}
    with pytest.raises(SettingsError, match=r"no check 'latex-is-hole'.*checks: (?!.*latex-is-hole)"):
        _review(_paper(), skip=("latex-is-hole",))


_SCRAPS = st.sampled_from(
    [
        "\\section{Results}",
        "\\begin{tabular}{l}",
        "\\end{tabular}",
        "&",
        "\\\\",
        "\\begin{table}",
        "\\end{table}",
        "0.5",
        "\\begin{thebibliography}{9}",
        "\\bibitem{",
        "}",
        "{",
        "[",
        "95% CI [1, 2]",
        "p < .05",
        "\\cite{a}",
        "## Results\n",
        "| a | 1 |\n",
        "\n\n",
        "Table 1: x\n",
        "[1]",
        "significant ",
        "\\caption{",
        "\\",
        "$",
        "%",
        "\x00",
        "é",
        "from 3 to 2 ",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(_SCRAPS, st.text(max_size=6)), max_size=40).map("".join))
@example("1E100")
def test_any_text_is_reviewed_without_an_error(text: str) -> None:
    foreign = _review(Submission(text=text, bibliography=SOURCES))
    assert foreign.rating is None or 1 <= foreign.rating <= 10
    ours = _review(_paper(text, results=text))
    assert ours.rating is not None
    assert 1 <= ours.rating <= 10


@pytest.mark.parametrize(
    "unit",
    ["We found 0.5 (95% CI 0.4 to 0.6). ", "\\begin{tabular}{l} a & 1 \\\\ \\end{tabular}\n", "a ", "( ", "1 ", "{"],
)
def test_time_grows_with_the_length_and_not_faster(unit: str) -> None:
    def seconds(size: int) -> float:
        text = "\\section{Results}" + unit * (size // len(unit))
        return cpu_seconds(lambda: _review(Submission(text=text, bibliography=SOURCES)), before=forget)

    assert seconds(24_000) <= 14 * max(seconds(6_000), 0.02)


def test_decimals_are_no_counts_of_seeds() -> None:
    body = BODIES["results"]
    level = _review(_paper(results=f"{body}\nA word passes where its corrected value is below 0.05 for every seed."))
    wrong = _review(_paper(results=f"{body}\nThis was repeated for 5 other seeds."))
    assert _check(level, "counts-agree").passed is True
    assert [p.text for p in wrong.points if p.check == "counts-agree"] == [
        "counts-agree: 5 seeds are stated; the results hold [4]"
    ]
