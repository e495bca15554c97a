"""Sentences with numbers that the rubric once got wrong, or over which it once spent minutes."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from tests.timing import cpu_seconds

from peercycle.agents.reviewers.rubric.copied import without_copied
from peercycle.agents.reviewers.rubric.reviewer import RubricReviewer, make_checks
from peercycle.agents.reviewers.rubric.settings import RubricSettings
from peercycle.core.contracts import StageContext
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.remembering import forget
from peercycle.core.reviews import Submission
from peercycle.core.writing import Manuscript, Section

NUMBERS = Bibliography(entries=(Reference(key="k", title="T", abstract="We reach 91.25 and 83.75 on 12 sites."),))
TABLE = (
    "\\begin{table}\\caption{Errors.}\\begin{tabular}{ll}Method & Error \\\\ alpha & 1.5 \\\\ beta & 2.5 \\\\ "
    "\\end{tabular}\\end{table}\n"
)


def _paper(body: str) -> Submission:
    section = Section(heading="Results", role="results", body=body)
    return Submission(
        manuscript=Manuscript(title="On hives", abstract="We study hives.", sections=(section,)),
        bibliography=NUMBERS,
    )


def _faults(body: str) -> list[str]:
    """Return the faults of the checks that compare, count and convert what sentences say."""
    checks = {
        "numbers-compare-as-said",
        "units-agree",
        "kinds-are-as-many-as-shown",
        "extremes-are-those-of-the-numbers",
    }
    return [f.text for _, c in make_checks(_paper(body), RubricSettings()) if c.check in checks for f in c.faults]


def test_nothing_is_divided_by_a_ratio_of_zero() -> None:
    assert _faults(f"{TABLE}The method alpha made 0 times the error of beta.") == []


@pytest.mark.parametrize(
    "true",
    [
        "It took 12 s, less than the 30 times that were allowed.",
        "We read 24 works, fewer than in 15 of 30 reviews.",
        "It scored 0.91, lower than the 0.85 of 12 runs.",
        "Yields were 7.5 t/ha, higher than in 2019.",
        "The run took 12.5 s, less than in Table 3.",
        "The score was 7.5, higher than in 2019.",
        "The gap was 0.5 mm wide and 0.5 m long.",
        "We sampled 30 of the 90 stations in spring, and 25 stations in autumn.",
    ],
)
def test_a_sentence_that_contradicts_nothing_has_no_fault(true: str) -> None:
    assert _faults(true) == []


@pytest.mark.parametrize(
    "false",
    [
        "Ours took 42.5 s, less than the 30.1 s of theirs.",
        "The score was 0.91, lower than 0.85.",
        "The gap was 0.5 mm wide. Later the gap was 0.5 m wide.",
        "We sampled 30 of the 90 stations in spring. There were 40 stations.",
    ],
)
def test_a_sentence_whose_numbers_contradict_it_has_a_fault(false: str) -> None:
    assert len(_faults(false)) == 1


@pytest.mark.parametrize(("unit", "size"), [("1,", 12_000), ("ACGT", 16_000), ("\n", 60_000)])
def test_long_runs_of_digits_letters_and_blank_lines_take_no_minutes(unit: str, size: int) -> None:
    def seconds(length: int) -> float:
        text = f"# Results\n\nWe list {unit * (length // len(unit))} here."
        paper = Submission(text=text, bibliography=NUMBERS)
        return cpu_seconds(lambda: make_checks(paper, RubricSettings()), tries=2, before=forget)

    assert seconds(size) <= 3.3 * max(seconds(size // 2), 0.3)


def test_a_table_of_ones_own_stays_beside_one_that_is_copied() -> None:
    def rows(*values: str) -> str:
        return "\\begin{tabular}{ll} a & " + " \\\\ b & ".join(values) + " \\\\ \\end{tabular}\n"

    for tables in ((rows("5.5", "6.5"), rows("91.25", "83.75")), (rows("91.25", "83.75"), rows("5.5", "6.5"))):
        masked = without_copied(
            _paper(f"Before.\n\\begin{{table}}\n{''.join(tables)}\\end{{table}}\nText behind it.")
        )
        assert masked is not None
        assert masked.manuscript is not None
        body = masked.manuscript.sections[0].body
        assert "5.5" in body
        assert "91.25" not in body
        assert "Text behind it." in body


def test_others_have_their_turn_while_the_checks_are_made() -> None:
    order: list[str] = []

    async def review() -> None:
        await RubricReviewer(RubricSettings()).review(_paper("We count."), cast(StageContext, None))
        order.append("review")

    async def other() -> None:
        order.append("other")

    async def both() -> None:
        await asyncio.gather(review(), other())

    asyncio.run(both())
    assert order == ["other", "review"]
