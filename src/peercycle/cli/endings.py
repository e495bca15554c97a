"""What is said when a run has ended: how, the score and what it means, where everything is, what to do next."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peercycle.core.reviews import Assessment
    from peercycle.graphs.result import RunResult

PAPERS = ("paper/paper.pdf", "paper/paper.html", "paper/paper.tex")
REPORTS = ("report.html", "report.md")


def ending_lines(result: RunResult, failures: Sequence[str] = ()) -> list[str]:
    """Return the lines, for people; `failures` names the experiments that failed."""
    from peercycle.export.text import plain

    how = f"{result.status}" + (f": {result.reason}" if result.reason else "")
    lines = [f"{how}{f' ({result.message})' if result.message else ''}"]
    if result.paper is not None:
        lines.append(f"paper: {plain(result.paper.title)}")
    if score := score_line(result.rated_by, result.rating):
        lines.append(score)
    lines += curve_lines(result)
    lines += failures
    lines += [
        f"{_named(name)}: {result.path / name}" for name in (*PAPERS, *REPORTS) if (result.path / name).exists()
    ]
    if result.status == "waiting":
        lines.append(f"what it asks, and how to answer: peercycle status {shown(result.path)}")
    if result.status == "failed":
        lines.append(f"what happened: peercycle logs {shown(result.path)}")
    return lines + way_on(result.status, result.path, result.message, settled=result.settled)


def way_on(status: str, path: Path, message: str = "", *, settled: bool = False) -> list[str]:
    """Return the line that says how to go on with a run, or that only another run helps; none where it finished."""
    from peercycle.core.runs import NO_USE_TO_RESUME, flag_to_raise

    if status in {"stopped", "waiting", "crashed"}:
        return [f"go on with: peercycle resume {shown(path)}{flag_to_raise(message)}"]
    if status != "failed":
        return []
    return [NO_USE_TO_RESUME if settled else f"once its cause is mended, go on with: peercycle resume {shown(path)}"]


def curve_lines(result: RunResult) -> list[str]:
    """Return what the best of n drafts is worth, a line for each n, where that was asked for."""
    if not result.curve:
        return []
    lines = ["best of n drafts (averaged over every choice of n):"]
    for point in result.curve:
        judge = "" if point.judge is None else f", judge {point.judge:.3f}"
        lines.append(f"  n = {point.n}: selector {point.selector:.3f}{judge}")
    return lines


def score_line(assessment: Assessment | None, rating: float | None) -> str:
    """Return the score and what it is: checks passed for a reviewer by checks, a rating with its scale else."""
    if assessment is None:
        return "" if rating is None else f"rating: {rating:.2f}"
    applicable = [check for review in assessment.reviews for check in review.checks if check.passed is not None]
    scale = assessment.reviews[0].scale if assessment.reviews else None
    note = "" if scale is None or scale.calibrated else ", uncalibrated: no measure of the paper's quality"
    if applicable:
        return f"checks passed: {sum(check.passed is True for check in applicable)} of {len(applicable)}{note}"
    if rating is None:
        return ""
    return f"rating: {rating:.2f}" + (f" on {scale.low:g} to {scale.high:g}" if scale else "") + note


def _named(name: str) -> str:
    place = Path(name)
    return f"{place.stem} ({place.suffix[1:].upper()})"


def shown(path: Path) -> str:
    """Return a path as a shell takes it."""
    return shlex.quote(str(path))
