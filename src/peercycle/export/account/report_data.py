"""The report as one JSON value: a pure function of the run."""

from __future__ import annotations

from collections import Counter

from peercycle.core.base import JSON
from peercycle.core.runs import MACHINE_MADE
from peercycle.export.account import evidence, experimenting, scores, standing, steps, troubles
from peercycle.export.account.gathering import Gathered
from peercycle.export.account.materials import materials
from peercycle.export.text import plain

SCHEMA_VERSION = 1
_MOST_REMARKS = 60


def report_data(run: Gathered, *, driven: bool) -> dict[str, JSON]:
    """Return everything that the report says, in the order in which it says it."""
    state = standing.status(run, driven=driven)
    best = run.best
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": run.record.run_id,
        "path": run.path,
        "topic": run.task.topic if run.task is not None else None,
        "peercycle_version": run.record.peercycle_version,
        "machine_made": MACHINE_MADE,
        "warnings": _warnings(run),
        **state,
        "best": _best(run),
        "judged_by": scores.judged_by(run),
        "wall_seconds": _seconds(standing.spent(run, "hours")),
        "tokens": standing.spent(run, "tokens"),
        "cost": standing.spent(run, "cost"),
        "score_digits": scores.digits(run),
        "rounds": scores.by_round(run),
        "candidates": scores.candidate_rows(run),
        "best_of_n": list(scores.curve(run)),
        "revisions": evidence.revisions(run),
        "experiments": experimenting.experiments(best, run),
        "materials": materials(run),
        "numbers": evidence.numbers(best.check if best is not None else None),
        "nearest_prior": evidence.nearest_prior(best),
        "citations": evidence.citations(best.check if best is not None else None),
        "checks": evidence.checks(run),
        "spending": standing.spending(run),
        "lost_to_kills": troubles.lost(run),
        "spending_by_stage": standing.spending_by_stage(run),
        "choices": list(run.record.choices),
        "extensions": [e.model_dump(mode="json") for e in run.record.extensions],
        "errors": troubles.errors(run),
        "retries": troubles.retries(run),
        "outages": troubles.outages(run),
        "idle": troubles.idle(run),
        "remarks": _remarks(run),
        "unreadable": list(run.problems),
        "questions": standing.open_questions(run),
        "next_steps": [*steps.next_steps(run, str(state["status"]))],
        "commands": standing.commands(run),
    }


def _seconds(hours: float | None) -> float | None:
    return None if hours is None else hours * 3600.0


def _best(run: Gathered) -> JSON:
    best = run.best
    if best is None:
        return None
    judgement, judged = run.judgement(best), run.judged(best)
    # The number that is shown, and what explains it, are of one assessment.
    said = best.assessment if judged is None else judgement
    meaning = scores.calibration(said)
    return {
        "candidate": best.row.candidate,
        "round": best.row.round,
        "title": plain(best.manuscript.title) if best.manuscript is not None else None,
        "rating": judged if judged is not None else best.row.rating,
        "steering_rating": best.row.rating,
        "reward": best.row.reward,
        "decision": said.decision if said is not None else None,
        **{f"score_{name}": value for name, value in meaning.items()},
        "by_checks": not meaning["calibrated"] and meaning["checks_applicable"] is not None,
    }


def _warnings(run: Gathered) -> list[JSON]:
    """Return what a stage wants to be read before anything else, each once: candidates warn of the same."""
    return [*dict.fromkeys(event.message for event in run.events if event.data.get("warning") and event.message)]


def _remarks(run: Gathered) -> list[JSON]:
    """Return lines of the log that stages and exporters wrote, equal ones counted."""
    counts = Counter(
        event.message
        for event in run.events
        if event.kind == "log" and event.message and not event.data.get("warning")
    )
    return [{"message": message[:400], "count": count} for message, count in counts.most_common(_MOST_REMARKS)]
