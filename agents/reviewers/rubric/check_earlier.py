"""The check of what earlier reviews asked for."""

from __future__ import annotations

from peercycle.agents.reviewers.rubric.findings import Fault, Finding, not_given
from peercycle.agents.reviewers.rubric.inspection import Inspection
from peercycle.core.reviews import ReviewPoint


def earlier_points_are_answered(i: Inspection, findings: tuple[Finding, ...]) -> Finding:
    """Points of the last review that can be looked up are closed: its check holds now, or its experiment was run.

    A suggestion to a check that held already is closed by an experiment, or where the check makes none any more.
    """
    name = "earlier-points-are-answered"
    points = i.submission.earlier[-1].points if i.submission.earlier else ()
    ran = {point for e in (i.submission.results.experiments if i.submission.results else ()) for point in e.answers}
    holds = {finding.check: finding.passed for finding in findings}
    known = [p for p in points if p.asks == "evidence" or p.check in holds]
    if not known:
        return not_given(name, "no earlier review raised a point that can be looked up")
    held = {c.name for r in i.submission.earlier[-1].reviews for c in r.checks if c.passed}
    asking = {finding.check for finding in findings if finding.suggestions}
    open_ = [p for p in known if not (_answered(p, ran, holds, held) or (p.check in held and p.check not in asking))]
    faults = tuple(Fault(f"still open: {p.text[:160]}", p.where, p.asks, weight=0.25) for p in open_)
    return Finding(name, f"{len(known) - len(open_)} of {len(known)} earlier points are answered", faults)


def _answered(point: ReviewPoint, ran: set[str], holds: dict[str, bool | None], held: set[str]) -> bool:
    if point.check in holds and point.check not in held:
        return holds[point.check] is True
    return point.id in ran
