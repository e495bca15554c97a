"""The reviewer that works by checks: deterministic, without a model, and never an acceptance."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from peercycle.agents.reviewers.rubric import (
    check_ablations,
    check_claims,
    check_comparisons,
    check_consistency,
    check_contrary,
    check_earlier,
    check_extremes,
    check_floats,
    check_kinds,
    check_naming,
    check_numbers,
    check_recurrence,
    check_repeats,
    check_restated,
    check_rows,
    check_sources,
    check_structure,
    check_tables,
    check_uncertainty,
    check_units,
    check_wholeness,
)
from peercycle.agents.reviewers.rubric.citing import read_citations
from peercycle.agents.reviewers.rubric.copied import without_copied
from peercycle.agents.reviewers.rubric.findings import Fault, Finding
from peercycle.agents.reviewers.rubric.inspection import Inspection
from peercycle.agents.reviewers.rubric.paper import read_paper
from peercycle.agents.reviewers.rubric.placement import told_together
from peercycle.agents.reviewers.rubric.settings import RubricSettings
from peercycle.agents.reviewers.rubric.unwrapped import unwrapped
from peercycle.core import bindings
from peercycle.core.contracts import StageContext
from peercycle.core.errors import SettingsError
from peercycle.core.reviews import Assessment, Check, Review, ReviewPoint, Scale, Submission

NOTE = (
    "the place on 1-10 follows from the share of checks that hold; it was never fitted to human ratings, and a rise "
    "means that more checks hold, not that the paper is better"
)
MACHINE_MADE = "Made by peercycle's rubric reviewer: named checks, no language model. It is no peer review."

CheckFunction = Callable[[Inspection], Finding]

CHECKS: tuple[tuple[float, CheckFunction], ...] = (
    (3.0, check_numbers.numbers_match),
    (2.0, check_numbers.numbers_are_bound),
    (2.0, check_numbers.results_are_shown),
    (1.0, check_numbers.failed_runs_are_told),
    (0.5, check_numbers.units_are_shown),
    (1.0, check_units.units_agree),
    (1.5, check_rows.rows_hold_their_own),
    (2.0, check_restated.abstract_matches),
    (1.0, check_restated.statements_match),
    (2.0, check_recurrence.numbers_recur),
    (1.5, check_consistency.arithmetic_holds),
    (1.0, check_consistency.sample_sizes_agree),
    (1.5, check_tables.text_matches_tables),
    (1.0, check_tables.tables_are_even),
    (1.0, check_claims.claims_have_numbers),
    (1.5, check_claims.claims_are_measured),
    (1.5, check_claims.significance_holds),
    (1.5, check_claims.directions_hold),
    (1.5, check_comparisons.comparisons_hold),
    (1.5, check_extremes.extremes_hold),
    (1.5, check_kinds.kinds_are_counted),
    (1.0, check_contrary.contrary_findings_are_told),
    (1.5, check_naming.numbers_are_said_of_their_own),
    (1.5, check_uncertainty.seeds_suffice),
    (0.5, check_ablations.ablations_are_run),
    (1.5, check_uncertainty.means_have_intervals),
    (1.25, check_uncertainty.estimates_have_spread),
    (1.0, check_uncertainty.repetitions_are_stated),
    (0.5, check_uncertainty.tests_are_named),
    (2.0, check_sources.citations_exist),
    (1.5, check_sources.citations_say_something),
    (1.0, check_sources.attributions_are_cited),
    (2.0, check_sources.text_is_own),
    (1.5, check_sources.numbers_are_own),
    (1.5, check_floats.references_resolve),
    (1.0, check_floats.floats_are_used),
    (2.0, check_structure.parts_are_there),
    (1.5, check_structure.method_is_told),
    (1.0, check_structure.experiments_are_described),
    (1.5, check_structure.limitations_are_specific),
    (1.5, check_recurrence.results_are_stated),
    (1.0, check_structure.paragraphs_belong),
    (1.5, check_repeats.nothing_is_repeated),
    (1.5, check_wholeness.latex_is_whole),
)
"""Every check with its weight in the rating."""
EARLIER_WEIGHT = 1.0
NUMBER = "review"
"""The note that says which review of a paper, from 1, an assessment is."""

AS_WRITTEN = frozenset({"text-is-own"})
"""Checks that hold the text against its sources word for word: nothing may be taken out of it."""


class RubricReviewer:
    """Makes every check on a submission and reports how many of those that apply are passed."""

    def __init__(self, settings: RubricSettings) -> None:
        self._settings = settings

    async def review(self, submission: Submission, ctx: StageContext) -> Assessment:
        """Judge one submission in a thread, so that a stop is heard meanwhile; nothing is asked of the world."""
        del ctx
        return await asyncio.to_thread(assess, submission, self._settings)


def assess(submission: Submission, settings: RubricSettings) -> Assessment:
    """Return the one review that the checks make of a submission.

    Raises `SettingsError` where `settings.skip` names a check that does not exist.
    """
    weighted = make_checks(submission, settings)
    _refuse_unknown(settings)
    number = _review_number(submission.earlier[-1]) + 1 if submission.earlier else 1
    review = _review(weighted, settings, number)
    return Assessment(reviews=(review,), machine_made=MACHINE_MADE, notes={NUMBER: number})


def _review_number(assessment: Assessment) -> int:
    """Return which review of a paper an assessment is: 1 where another reviewer made it."""
    number = assessment.notes.get(NUMBER)
    return number if isinstance(number, int) else 1


def _refuse_unknown(settings: RubricSettings) -> None:
    if not settings.skip:
        return
    names = {finding.check for _, finding in make_checks(Submission(text=""), RubricSettings())}
    if unknown := sorted(set(settings.skip) - names):
        raise SettingsError(
            f"the rubric has no check {unknown[0]!r}: take it out of `skip` (checks: {', '.join(sorted(names))})"
        )


def make_checks(submission: Submission, settings: RubricSettings) -> list[tuple[float, Finding]]:
    """Return every finding with its check's weight."""
    submission = unwrapped(submission)
    weighted = _made(submission)
    masked = without_copied(submission)
    if masked is not None:
        pairs = zip(weighted, _made(masked), strict=True)
        weighted = [(weight, _lower(finding, without)) for (weight, finding), (_, without) in pairs]
    return [(weight, finding) for weight, finding in weighted if finding.check not in settings.skip]


def _made(submission: Submission) -> list[tuple[float, Finding]]:
    manuscript = submission.manuscript
    paper = read_paper(submission)
    numbers = bindings.check_numbers(manuscript, submission.results, submission.topic) if manuscript else ()
    together = told_together(paper.scan)
    told = frozenset[str]().union(*together)
    numbers = tuple(n for n in numbers if n.status not in {"bound", "simulated"} or n.measurement in told)
    cited = read_citations(paper, submission.bibliography)
    inspection = Inspection(paper, submission, numbers, cited, together)
    weighted = [(weight, check(inspection)) for weight, check in CHECKS]
    findings = tuple(finding for _, finding in weighted)
    weighted.append((EARLIER_WEIGHT, check_earlier.earlier_points_are_answered(inspection, findings)))
    return weighted


def _lower(finding: Finding, without: Finding) -> Finding:
    """Return what a check finds, or what it finds without the numbers copied from sources where that scores less."""
    if not (finding.given and without.given) or without.score >= finding.score or finding.check in AS_WRITTEN:
        return finding
    return replace(without, evidence=f"without the numbers of sources, {without.evidence}")


def rate(weighted: list[tuple[float, Finding]]) -> float | None:
    """Return the place on 1-10: checks that hold, by weight, of all whose material was handed in.

    A check that has nothing to look at earns nothing, so that leaving things out never pays.
    """
    given = [(weight, finding) for weight, finding in weighted if finding.given]
    total = sum(weight for weight, _ in given)
    if not total:
        return None
    return round(1 + 9 * sum(weight * finding.score for weight, finding in given) / total, 4)


def _review(weighted: list[tuple[float, Finding]], settings: RubricSettings, number: int) -> Review:
    findings = [finding for _, finding in weighted]
    passed = [f for f in findings if f.passed]
    failed = [f for f in findings if f.passed is False]
    applicable = len(passed) + len(failed)
    summary = (
        f"{len(passed)} of {applicable} applicable checks passed; {len(findings) - applicable} did not apply. "
        "Every check can be repeated from its evidence."
    )
    return Review(
        reviewer="rubric",
        summary=summary,
        strengths=tuple(f"{f.check}: {f.evidence}" for f in passed),
        weaknesses=tuple(f"{f.check}: {f.evidence}" for f in failed),
        rating=rate(weighted),
        scale=Scale(calibrated=False, note=NOTE),
        points=tuple(p for f in findings for p in _points(f, settings.points_per_check, number)),
        checks=tuple(Check(name=f.check, passed=f.passed, evidence=f.evidence) for f in findings),
    )


def _points(finding: Finding, limit: int, number: int) -> list[ReviewPoint]:
    """Return a check's points; the review's number in their ids keeps them apart from those of other rounds."""
    faults = list(finding.faults[:limit])
    if finding.passed is False and not faults:
        faults = [Fault(finding.evidence)]
    if finding.passed:
        faults = list(finding.suggestions[:limit])
    return [
        ReviewPoint(
            id=f"{finding.check}.{number}.{n}",
            text=f"{finding.check}: {f.text}",
            asks=f.asks,
            check=finding.check,
            where=f.where,
        )
        for n, f in enumerate(faults, 1)
    ]
