"""Quotations and invented p-values: what a paper says in the name of others, or of no one."""

from __future__ import annotations

from typing import Any

import pytest

from peercycle.agents.reviewers.rubric.findings import Finding
from peercycle.agents.reviewers.rubric.reviewer import make_checks
from peercycle.agents.reviewers.rubric.settings import RubricSettings
from peercycle.core.experiments import Experiment, ExperimentResults, Measurement
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.reviews import Submission
from peercycle.core.writing import Manuscript, Section

MARSH = "Recovery of the marsh soil was slower where tidal exchange was restricted by culverts in 12 of 20 creeks."
QUOTED = "Recovery of the marsh soil was slower where tidal exchange was restricted by culverts"


def found(body: str, check: str, *, p: float = 0.4) -> Finding:
    works = tuple(
        Reference(key=key, entry_type="article", title=title, abstract=abstract)
        for key, title, abstract in (
            ("santos", "Restored marshes", MARSH),
            ("ito", "Drained pasture", "Methane rose."),
        )
    )
    shared: dict[str, Any] = {"experiment": "e", "metric": "adjusted_p", "execution": "x", "provenance": "measured"}
    measured = tuple(
        Measurement(id=f"p{n}", value=p, seed=n, artifact=f"sha256:{'0' * 64}", **shared) for n in (0, 1)
    )
    experiment = Experiment(id="e", question="Do words shift?", script="main()\n", seeds=(0, 1))
    section = Section(heading="Results", role="results", body=f"A permutation test was made. {body}")
    submission = Submission(
        manuscript=Manuscript(title="A map", abstract="Words were counted.", sections=(section,)),
        bibliography=Bibliography(entries=works),
        results=ExperimentResults(mode="run", experiments=(experiment,), measurements=measured),
    )
    return next(f for _, f in make_checks(submission, RubricSettings()) if f.check == check)


@pytest.mark.parametrize(
    "quoted",
    [
        QUOTED.replace("was slower", "was not slower"),
        QUOTED.replace("by culverts", "by fences and dams"),
        f"{QUOTED} in 15 of 20 creeks",
    ],
)
def test_a_quotation_that_says_what_its_source_does_not_is_a_fault(quoted: str) -> None:
    faults = found(f"They say: ``{quoted}''~\\cite{{santos}}.", "text-is-own").faults
    assert [fault.text.startswith("'santos' is quoted with words that it does not hold") for fault in faults] == [
        True
    ]


@pytest.mark.parametrize(
    "quoted", [QUOTED, f"{QUOTED} [\\dots]", QUOTED.replace("Recovery of the", "[Its] recovery of the")]
)
def test_a_quotation_as_the_source_has_it_is_none(quoted: str) -> None:
    assert found(f"They say: ``{quoted}''~\\cite{{santos}}.", "text-is-own").faults == ()


def test_a_quotation_without_its_source_is_a_fault() -> None:
    faults = found(f"They say: ``{QUOTED}''. More was said~\\cite{{ito}}.", "text-is-own").faults
    assert ["is quoted and not cited" in fault.text for fault in faults] == [True]


def test_a_p_value_that_no_experiment_gave_makes_nothing_significant() -> None:
    claim = "The words shift significantly ($p < 0.001$)."
    assert "no test of these experiments gave" in found(claim, "significance-has-a-test").faults[0].text
    assert found(claim, "significance-has-a-test", p=0.0004).faults == ()
    assert found("The words shift significantly ($p = 0.04$).", "significance-has-a-test", p=0.041).faults == ()


@pytest.mark.parametrize(
    ("stated", "measured", "other"),
    [
        ("= 1.2e-8", 1.2e-8, 4e-5),
        ("= 3e-4", 3.1e-4, 0.004),
        (r"= 3 \times 10^{-4}", 3.1e-4, 0.004),
        ("= 10^{-4}", 1e-4, 2e-3),
        ("< 10^{-8}", 1e-9, 1e-7),
        ("= 0.04", 0.041, 0.046),
    ],
)
def test_a_p_value_is_held_to_the_digits_that_it_shows(stated: str, measured: float, other: float) -> None:
    claim = f"The words shift significantly ($p {stated}$)."
    assert found(claim, "significance-has-a-test", p=measured).faults == ()
    (fault,) = found(claim, "significance-has-a-test", p=other).faults
    assert "no test of these experiments gave" in fault.text


def test_a_large_p_value_is_held_to_its_bound() -> None:
    claim = "The words do not shift significantly ($p > 0.05$)."
    assert found(claim, "significance-has-a-test", p=0.4).faults == ()
    assert found(claim, "significance-has-a-test", p=0.01).faults


def test_a_p_value_written_as_a_power_of_ten_is_small_only_where_it_is() -> None:
    claim = "The words do not shift significantly ($p = 10^{-6}$)."
    assert "small p-value" in found(claim, "significance-has-a-test", p=1e-6).faults[0].text
    assert "a p-value of" in found("The words shift ($p = 10^3$).", "arithmetic-holds").faults[0].text
