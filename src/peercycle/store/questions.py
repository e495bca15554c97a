"""Questions to a person, in `run.sqlite`: asked by the driver, answered by any process."""

from __future__ import annotations

import json
import sqlite3
import time

from peercycle.core.base import JSON
from peercycle.core.errors import UsageError
from peercycle.core.journal import Question
from peercycle.store.bodies import json_text, plain_text
from peercycle.store.upsert import upsert


def save_question(connection: sqlite3.Connection, question: Question) -> None:
    """Insert or replace a question, its answer too: one saved without an answer is open again."""
    now = time.time()
    values = {
        "question": plain_text(question.question),
        "schema_json": json_text(dict(question.schema), "a question's schema"),
        "answered": question.answered,
        "answer_json": json_text(question.answer, "an answer") if question.answered else None,
        "candidate": question.candidate,
        "stage": question.stage,
        "asked_at": now,
        "answered_at": now if question.answered else None,
    }
    upsert(connection, "questions", {"id": question.id}, values)


def read_questions(connection: sqlite3.Connection, *, open_only: bool) -> tuple[Question, ...]:
    """Return the questions, oldest first."""
    only = " WHERE NOT answered" if open_only else ""
    rows = connection.execute(
        f"SELECT id, question, schema_json, answer_json, answered, candidate, stage FROM questions{only} "  # noqa: S608
        "ORDER BY rowid"
    )
    return tuple(
        Question(
            id=row[0],
            question=row[1],
            schema=json.loads(row[2]),
            answer=None if row[3] is None else json.loads(row[3]),
            answered=bool(row[4]),
            candidate=row[5],
            stage=row[6],
        )
        for row in rows
    )


def give_answer(connection: sqlite3.Connection, question_id: str, value: JSON) -> None:
    """Answer an open question. Raises `UsageError` for one that is unknown or answered."""
    changed = connection.execute(
        "UPDATE questions SET answered = 1, answer_json = ?, answered_at = ? WHERE id = ? AND NOT answered",
        (json_text(value, "an answer"), time.time(), question_id),
    ).rowcount
    if changed:
        return
    known = {row[0]: row[1] for row in connection.execute("SELECT id, answered FROM questions")}
    if question_id in known:
        raise UsageError(f"question {question_id!r} was answered already; the run goes on with that answer")
    waiting = ", ".join(repr(name) for name, answered in known.items() if not answered) or "none"
    raise UsageError(f"the run asked no question {question_id!r}; open ones: {waiting}")
