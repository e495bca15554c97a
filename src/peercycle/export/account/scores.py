"""Scores: by round and candidate, with what judged them."""

from __future__ import annotations

from peercycle.core.base import JSON
from peercycle.core.reviews import Assessment
from peercycle.core.selection import Draft, best_of_n
from peercycle.export.account.gathering import Gathered, Version
from peercycle.export.text import plain


def judged_by(run: Gathered) -> dict[str, JSON]:
    """Return who steered and who judged, and whether they are one."""
    options = run.record.options
    judge = options.judge or options.reviewer
    models = options.models
    steering = models.get("reviewer", models.get("default"))
    reporting = models.get("judge", models.get("default"))
    same = judge == options.reviewer and (options.judge is None or steering == reporting)
    shared = judge != options.reviewer and steering is not None and steering == reporting
    if run.best is None:
        note = "Nobody judged: there is no complete paper."
    elif same:
        note = f"{options.reviewer} both steered the revisions and gave this score: it is no independent judgement."
    elif shared:
        named = steering.name if steering is not None else "unnamed"
        note = f"{options.reviewer} steered and {judge} judged, but one model ({named}) is behind both."
    else:
        note = f"{options.reviewer} steered the revisions; {judge} judged."
    if options.judge is not None and run.best is not None and run.judged(run.best) is None:
        note += f" {judge} gave the best version no rating: the score is {options.reviewer}'s."
    return {"reviewer": options.reviewer, "judge": judge, "same": same, "same_model": same or shared, "note": note}


def calibration(assessment: Assessment | None) -> dict[str, JSON]:
    """Return what a score means: its scale, whether it is calibrated, and the checks passed."""
    reviews = assessment.reviews if assessment is not None else ()
    checks = [check for review in reviews for check in review.checks if check.passed is not None]
    calibrated = all(review.scale.calibrated for review in reviews if review.rating is not None)
    passed = sum(1 for check in checks if check.passed)
    scale = next((review.scale for review in reviews if review.rating is not None), None)
    notes = []
    if checks:
        notes.append(f"{passed} of {len(checks)} applicable checks passed")
    if not calibrated:
        says = (
            "the number says how many checks pass, not how good the paper is" if checks else "no measure of quality"
        )
        notes.append(f"uncalibrated: {says}")
    if scale is not None and scale.note:
        notes.append(scale.note)
    return {
        "calibrated": calibrated,
        "checks_passed": passed if checks else None,
        "checks_applicable": len(checks) if checks else None,
        "scale": [scale.low, scale.high] if scale is not None else None,
        "note": "; ".join(notes),
    }


def curve(run: Gathered) -> list[JSON]:
    """Return what the best of n drafts is worth, where the run was asked for it."""
    if not run.record.options.curve:
        return []
    drafts = [
        Draft(selector=version.row.reward, judge=run.judged(version))
        for version in run.versions
        if version.row.round == 0 and version.row.status == "complete" and version.row.reward is not None
    ]
    return [point.model_dump(mode="json") for point in best_of_n(drafts)]


def candidate_rows(run: Gathered) -> list[JSON]:
    """Return one row per version of each candidate, in order of rounds."""
    return [_row(version, run) for version in run.versions]


def digits(run: Gathered) -> int:
    """Return how many decimals tell the scores of the versions apart: two, or up to four where two are too few."""
    values = {value for v in run.versions for value in (v.row.rating, v.row.reward) if value is not None}
    return next((n for n in (2, 3) if len({f"{value:.{n}f}" for value in values}) == len(values)), 4 if values else 2)


def _row(version: Version, run: Gathered) -> JSON:
    row, assessment = version.row, version.assessment
    rated = assessment.average("rating") if assessment is not None else None
    return {
        "candidate": row.candidate,
        "round": row.round,
        "status": row.status,
        "selected": row.selected,
        "rating": row.rating,
        "ratings": rated.n if rated is not None else 0,
        "reward": row.reward,
        "decision": assessment.decision if assessment is not None else None,
        "title": plain(version.manuscript.title) if version.manuscript is not None else None,
        "why": why(version, run),
        "error": row.error,
        "manuscript": row.manuscript,
    }


def why(version: Version, run: Gathered) -> str:
    """Return in a few words what became of a version."""
    row = version.row
    if row.status == "failed":
        return f"failed: {row.error or 'no reason was recorded'}"
    if row.selected:
        return "became the best" if row.round else "selected: best reward of the first drafts"
    if row.reward is None:
        return "not selected: nothing could be scored"
    before = [v.row.reward for v in run.versions if v.row.selected and v.row.reward is not None]
    if row.round == 0:
        tied = row.reward in [v.row.reward for v in run.versions if v.row.selected and v.row.round == 0]
        return "not selected: a tie with the draft that was" if tied else "not selected: another draft scored higher"
    tied = row.reward == max(before, default=None)
    return "scored no higher than the best (a tie); not taken" if tied else "did not score above the best; not taken"


def by_round(run: Gathered) -> list[JSON]:
    """Return for each round the best rating in it and the best so far."""
    found: list[JSON] = []
    best: float | None = None
    for round_ in sorted({version.row.round for version in run.versions}):
        rated = [v.row.rating for v in run.versions if v.row.round == round_ and v.row.rating is not None]
        top = max(rated, default=None)
        best = top if best is None else best if top is None else max(best, top)
        found.append({"round": round_, "rating": top, "best_so_far": best, "rated": len(rated)})
    return found
