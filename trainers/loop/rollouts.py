"""What runs left of their rollouts, a row per candidate; read from the log alone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from peercycle.core.base import JSON, Word
from peercycle.core.errors import PeercycleError
from peercycle.core.reviews import Decision
from peercycle.store.artifacts import ARTIFACTS, FileArtifactStore
from peercycle.store.database import DATABASE_FILE, connect_read_only, damaged
from peercycle.store.record import logged_record
from peercycle.trainers.log_index import drafting_stages, policy_rows
from peercycle.trainers.loop.manifest import read_lines
from peercycle.trainers.repetition import repetition


class Rollout(Word):
    """One candidate of one run, or a run that has none."""

    run_id: str
    candidate: str = ""
    task: str
    """The task's hash."""
    status: str
    """`complete`, or `failed`."""
    error: str | None = None
    reward: float | None = None
    """By the steering reviewer."""
    rating: float | None = None
    judge: float | None = None
    """The reward by the judge."""
    decision: Decision | None = None
    """Of the steering reviewer, where it decides."""
    judge_decision: Decision | None = None
    prompt_tokens: int = 0
    sampled_tokens: int = 0
    cut: bool = False
    """An answer was cut at the token limit."""
    repetition: float = 0.0
    """Largest share of repeated 4-grams in an answer."""
    revisions: tuple[str, ...] = ()
    """Weights that the engine says it sampled from."""

    @property
    def id(self) -> str:
        """The name of its episode."""
        return f"{self.run_id}/{self.candidate}"


def read_rollouts(path: Path, task: str) -> list[Rollout]:
    """Return a row for each candidate of a run; one row that says why where there is no candidate."""
    record = logged_record(path)
    database = path / DATABASE_FILE
    try:
        with closing(connect_read_only(database)) as connection:
            candidates = connection.execute(_CANDIDATES).fetchall()
            where, arguments = policy_rows(drafting_stages(record))
            answers = connection.execute(_ANSWERS.format(where=where), arguments).fetchall()
    except sqlite3.DatabaseError as error:
        raise damaged(database, str(error)) from error
    if not candidates:
        why = record.terminal.message if record.terminal else "the run did not end"
        return [Rollout(run_id=record.run_id, task=task, status="failed", error=why[:500])]
    artifacts = FileArtifactStore(path / ARTIFACTS)
    rows: list[Rollout] = []
    for candidate, status, why_failed, reward, rating, decision, judged, judge_decision in candidates:
        own = [_answer(row[1:], artifacts) for row in answers if row[0] == candidate]
        verdict = json.loads(judged) if judged else {}
        rows.append(
            Rollout(
                run_id=record.run_id,
                candidate=candidate,
                task=task,
                status=status,
                error=why_failed[:500] if why_failed else None,
                reward=reward,
                rating=rating,
                judge=verdict.get("value"),
                decision=decision,
                judge_decision=judge_decision,
                prompt_tokens=sum(len(each["prompt"]) for each in own),
                sampled_tokens=sum(len(each["ids"]) for each in own),
                cut=any(each["cut"] for each in own),
                repetition=max((repetition(each["ids"]) for each in own), default=0.0),
                revisions=tuple(sorted({each["revision"] for each in own if each["revision"]})),
            )
        )
    return rows


def _answer(row: Sequence[Any], artifacts: FileArtifactStore) -> dict[str, Any]:
    text, text_ref, thought, thought_ref, tokens, tokens_ref, finish, revision = row
    ids = json.loads((artifacts.load(tokens_ref).decode() if tokens_ref else tokens) or "{}")
    # An engine that gives no ids is counted in words: usage is a figure of the account, not of the training.
    bodies = ((thought, thought_ref), (text, text_ref))
    words = (word for body, ref in bodies for word in (artifacts.load(ref).decode() if ref else body or "").split())
    said = ids.get("completion_token_ids") or list(words)
    return {"prompt": ids.get("prompt_token_ids") or (), "ids": said, "cut": finish == "length", "revision": revision}


def unread(run_id: str, task: str, error: PeercycleError | str) -> Rollout:
    """Return the row of a run that never began, broke off, or cannot be read."""
    return Rollout(run_id=run_id, task=task, status="failed", error=str(error)[:500])


def totals(rollouts: Iterable[Rollout]) -> dict[str, int]:
    """Return tokens of prompts and tokens sampled, together."""
    rows = list(rollouts)
    return {
        "prompt": sum(row.prompt_tokens for row in rows),
        "sampled": sum(row.sampled_tokens for row in rows),
    }


def as_rows(rollouts: Iterable[Rollout]) -> list[dict[str, JSON]]:
    """Return them as JSON."""
    return [row.model_dump(mode="json") for row in rollouts]


def rollouts_in(path: Path) -> list[Rollout]:
    """Return the rollouts of a file."""
    return [Rollout.model_validate(row) for row in read_lines(path)]


_CANDIDATES = """
    SELECT c.candidate, c.status, c.error, c.reward, c.rating, a.decision, j.reward_json, j.decision
    FROM candidates c
    LEFT JOIN assessments a ON a.candidate = c.candidate AND a.round = 0 AND a.role = 'reviewer'
    LEFT JOIN assessments j ON j.candidate = c.candidate AND j.round = 0 AND j.role = 'judge'
    WHERE c.round = 0 ORDER BY length(c.candidate), c.candidate"""

_ANSWERS = """
    SELECT candidate, text, text_ref, reasoning, reasoning_ref, tokens_json, tokens_json_ref, finish_reason, weights_revision
    FROM completions WHERE {where} ORDER BY rowid"""
