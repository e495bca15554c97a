"""Candidates, and what was said of them, in `run.sqlite`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from peercycle.core.base import JSON
from peercycle.core.journal import CandidateRow
from peercycle.core.reviews import Assessment, Review, Reward
from peercycle.store.bodies import Body, json_text, plain_text, plain_text_or_none
from peercycle.store.upsert import upsert


def save_candidate(connection: sqlite3.Connection, row: CandidateRow, state: Body) -> None:
    """Insert or replace a version of a candidate."""
    values = {
        "status": row.status,
        "rating": row.rating,
        "reward": row.reward,
        "selected": row.selected,
        "manuscript": row.manuscript,
        "results": row.results,
        "assessment": row.assessment,
        "check_report": row.check,
        "error": plain_text_or_none(row.error),
        "state_json": state.text,
        "state_json_ref": state.ref,
    }
    upsert(connection, "candidates", {"candidate": row.candidate, "round": row.round}, values)


def mark_selected(connection: sqlite3.Connection, candidate: str, round_: int) -> None:
    """Note that a version is the best so far; earlier ones that were keep their mark."""
    connection.execute("UPDATE candidates SET selected = 1 WHERE candidate = ? AND round = ?", (candidate, round_))


def read_candidates(connection: sqlite3.Connection) -> tuple[tuple[CandidateRow, Body], ...]:
    """Return every version of every candidate, oldest first, with the body of its state."""
    rows = connection.execute(
        "SELECT candidate, round, status, manuscript, results, assessment, check_report, reward, rating, selected, "
        "error, state_json, state_json_ref FROM candidates ORDER BY rowid"
    )
    return tuple(
        (
            CandidateRow(
                candidate=row[0],
                round=row[1],
                status=row[2],
                manuscript=row[3],
                results=row[4],
                assessment=row[5],
                check=row[6],
                reward=row[7],
                rating=row[8],
                selected=bool(row[9]),
                error=row[10],
            ),
            Body(row[11], row[12]),
        )
        for row in rows
    )


def state_of(text: str | None) -> dict[str, JSON]:
    """Return a candidate's state from its column."""
    state: dict[str, JSON] = json.loads(text or "{}")
    return state


def save_assessment(
    connection: sqlite3.Connection,
    candidate: str,
    round_: int,
    role: str,
    assessment: Assessment,
    reward: Reward | None,
    bodies: Sequence[Body],
) -> None:
    """Insert or replace an assessment with one row per review; `bodies` are the reviews as JSON."""
    rating = assessment.average("rating")
    problems = list(assessment.problems)
    key = {"candidate": candidate, "round": round_, "role": role}
    values = {
        "decision": assessment.decision,
        "rating": rating.value,
        "ratings": rating.n,
        "reviews": len(assessment.reviews),
        "reward": None if reward is None else reward.value,
        "reward_json": None if reward is None else json_text(reward.model_dump(mode="json"), "a reward"),
        "meta_review": plain_text_or_none(assessment.meta_review),
        "problems_json": json_text(problems, "an assessment's problems") if problems else None,
        "machine_made": plain_text(assessment.machine_made),
    }
    upsert(connection, "assessments", key, values)
    for number, (review, body) in enumerate(zip(assessment.reviews, bodies, strict=True)):
        upsert(connection, "reviews", {**key, "number": number}, _review_columns(review, body))
    connection.execute(
        "DELETE FROM reviews WHERE candidate = ? AND round = ? AND role = ? AND number >= ?",
        (candidate, round_, role, len(bodies)),
    )


def _review_columns(review: Review, body: Body) -> dict[str, str | float | None]:
    return {
        "reviewer": plain_text(review.reviewer),
        "rating": review.rating,
        "soundness": review.soundness,
        "presentation": review.presentation,
        "contribution": review.contribution,
        "confidence": review.confidence,
        "decision": review.decision,
        "ethics_flag": plain_text_or_none(review.ethics_flag),
        "summary": plain_text(review.summary),
        "review_json": body.text,
        "review_json_ref": body.ref,
    }
