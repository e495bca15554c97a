"""Candidates, and what was said of them, in `run.sqlite`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from peercycle.core.base import JSON
from peercycle.core.journal import CandidateRow
from peercycle.core.reviews import Assessment, Review, Reward
from peercycle.store.bodies import Body, json_text, plain_text


def save_candidate(connection: sqlite3.Connection, row: CandidateRow, state: Body) -> None:
    """Insert or replace a version of a candidate."""
    connection.execute(
        "INSERT INTO candidates (candidate, round, status, rating, reward, selected, manuscript, results, "
        "assessment, check_report, error, state_json, state_json_ref) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (candidate, round) DO UPDATE SET status = excluded.status, rating = excluded.rating, "
        "reward = excluded.reward, selected = excluded.selected, manuscript = excluded.manuscript, "
        "results = excluded.results, assessment = excluded.assessment, check_report = excluded.check_report, "
        "error = excluded.error, state_json = excluded.state_json, state_json_ref = excluded.state_json_ref",
        (
            row.candidate,
            row.round,
            row.status,
            row.rating,
            row.reward,
            row.selected,
            row.manuscript,
            row.results,
            row.assessment,
            row.check,
            None if row.error is None else plain_text(row.error),
            state.text,
            state.ref,
        ),
    )


def read_candidates(connection: sqlite3.Connection) -> tuple[tuple[CandidateRow, Body], ...]:
    """Return every version of every candidate, oldest first, with the body of its state."""
    rows = connection.execute(
        "SELECT candidate, round, status, manuscript, results, assessment, check_report, reward, rating, selected, "
        "error, state_json, state_json_ref FROM candidates ORDER BY rowid"
    )
    return tuple((_candidate(row), Body(row[11], row[12])) for row in rows)


def _candidate(row: tuple[Any, ...]) -> CandidateRow:
    *front, selected, error, _state, _ref = row
    return CandidateRow(*front, selected=bool(selected), error=error)


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
    connection.execute(
        "INSERT OR REPLACE INTO assessments (candidate, round, role, decision, rating, ratings, reviews, reward, "
        "reward_json, meta_review, problems_json, machine_made) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            candidate,
            round_,
            role,
            assessment.decision,
            rating.value,
            rating.n,
            len(assessment.reviews),
            None if reward is None else reward.value,
            None if reward is None else json_text(reward.model_dump(mode="json"), "a reward"),
            None if assessment.meta_review is None else plain_text(assessment.meta_review),
            json_text(list(assessment.problems), "an assessment's problems") if assessment.problems else None,
            plain_text(assessment.machine_made),
        ),
    )
    connection.execute(
        "DELETE FROM reviews WHERE candidate = ? AND round = ? AND role = ?", (candidate, round_, role)
    )
    for number, (review, body) in enumerate(zip(assessment.reviews, bodies, strict=True)):
        _insert_review(connection, (candidate, round_, role, number), review, body)


def _insert_review(
    connection: sqlite3.Connection, key: tuple[str, int, str, int], review: Review, body: Body
) -> None:
    connection.execute(
        "INSERT INTO reviews (candidate, round, role, number, reviewer, rating, soundness, presentation, "
        "contribution, confidence, decision, ethics_flag, summary, review_json, review_json_ref) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *key,
            plain_text(review.reviewer),
            review.rating,
            review.soundness,
            review.presentation,
            review.contribution,
            review.confidence,
            review.decision,
            None if review.ethics_flag is None else plain_text(review.ethics_flag),
            plain_text(review.summary),
            body.text,
            body.ref,
        ),
    )
