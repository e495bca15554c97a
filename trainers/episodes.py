"""An episode's body: what one candidate's policy was asked and wrote, from `run.sqlite` and its artefacts alone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from peercycle.core.modelling import ModelRequest
from peercycle.core.training import Episode
from peercycle.store.artifacts import ARTIFACTS, FileArtifactStore
from peercycle.store.database import DATABASE_FILE, check_version, connect_read_only, damaged
from peercycle.store.record import logged_record
from peercycle.trainers.log_index import IndexRow, drafting_stages, policy_rows
from peercycle.trainers.segments import LoggedTurn, UnfaithfulLogError, segments_of

Retokenize = Callable[[Sequence[LoggedTurn]], list[LoggedTurn]]
"""Gives the turns of an episode new ids, made of their texts."""


@dataclass(frozen=True, slots=True)
class LoggedEpisode:
    """An episode, and the texts that stand behind its ids."""

    episode: Episode
    turns: tuple[LoggedTurn, ...]


def read_episode(row: IndexRow, *, discontinued: str = "drop", retokenize: Retokenize | None = None) -> LoggedEpisode:
    """Return the episode of a candidate with its turns, every body's hash verified.

    Raises `UnfaithfulLogError` where it cannot be rebuilt token for token, `DamagedRunError` naming the file.
    """
    turns = read_turns(Path(row.run), row.candidate, needs_ids=retokenize is None)
    if retokenize is not None:
        turns = retokenize(turns)
    tokenizers = {(turn.tokenizer_hash, turn.template_hash) for turn in turns}
    if len(tokenizers) > 1:
        raise UnfaithfulLogError(
            "episodes of more than one tokenizer", f"episode {row.id!r} was sampled with {len(tokenizers)} tokenizers"
        )
    tokenizer_hash, template_hash = tokenizers.pop()
    episode = Episode(
        id=row.id,
        run_id=row.run_id,
        candidate=row.candidate,
        task_hash=row.task_hash,
        segments=segments_of(turns, discontinued=discontinued),
        reward=row.reward,
        judge=row.judge,
        iteration=row.iteration,
        policy=row.policy,
        tokenizer_hash=tokenizer_hash,
        template_hash=template_hash,
        retokenized=retokenize is not None,
    )
    return LoggedEpisode(episode, tuple(turns))


def read_turns(run: Path, candidate: str, *, needs_ids: bool = True) -> list[LoggedTurn]:
    """Return what the policy was asked and wrote for a candidate's draft, in the order of the log."""
    database = run / DATABASE_FILE
    where, arguments = policy_rows(drafting_stages(logged_record(run)))
    query = f"SELECT {', '.join(_COLUMNS)} FROM completions WHERE candidate = ? AND {where} ORDER BY rowid"  # noqa: S608
    try:
        with closing(connect_read_only(database)) as connection:
            check_version(connection, database)
            found = connection.execute(query, (candidate, *arguments)).fetchall()
    except sqlite3.DatabaseError as error:
        raise damaged(database, str(error)) from error
    rows: list[dict[str, Any]] = [dict(zip(_COLUMNS, row, strict=True)) for row in found]
    if not rows:
        raise UnfaithfulLogError("episodes without a completion", f"candidate {candidate!r} has no completion")
    _one_answer_each(rows, candidate)
    artifacts = FileArtifactStore(run / ARTIFACTS)
    return [_turn(row, artifacts, database, needs_ids) for row in rows]


def _one_answer_each(rows: Sequence[dict[str, Any]], candidate: str) -> None:
    seen: set[tuple[Any, ...]] = set()
    for row in rows:
        key = (row["stage"], row["kind"], row["request_sha256"], row["occurrence"])
        if key in seen:
            raise UnfaithfulLogError(
                "episodes that do not say which of several answers was taken",
                f"candidate {candidate!r} has several answers to one request in stage {row['stage']!r}, none accepted",
            )
        seen.add(key)


def _turn(row: dict[str, Any], artifacts: FileArtifactStore, database: Path, needs_ids: bool) -> LoggedTurn:
    def body(column: str) -> str | None:
        ref = row[f"{column}_ref"]
        value = row[column] if ref is None else artifacts.load(ref).decode()
        return None if value is None else str(value)

    tokens = body("tokens_json")
    try:
        ids = json.loads(tokens) if tokens is not None else {}
        prompt, completion = ids.get("prompt_token_ids"), ids.get("completion_token_ids")
        if needs_ids and (prompt is None or completion is None):
            raise UnfaithfulLogError("episodes without token ids", "a completion was logged without its token ids")
        request = ModelRequest.model_validate_json(body("request") or "{}")
        logprobs = ids.get("logprobs")
        return LoggedTurn(
            messages=request.messages,
            text=body("text") or "",
            prompt_ids=tuple(map(int, prompt or ())),
            completion_ids=tuple(map(int, completion or ())),
            finish_reason=row["finish_reason"],
            logprobs=None if logprobs is None else tuple(float(p) for p in logprobs),
            tokenizer_hash=row["tokenizer_hash"],
            template_hash=row["template_hash"],
            model=row["model"],
            stage=row["stage"],
            prefix=request.assistant_prefix or "",
            reasoning=body("reasoning") or "",
        )
    except (json.JSONDecodeError, ValidationError, AttributeError, TypeError) as error:
        raise damaged(database, f"a completion of candidate {row['candidate']!r} does not parse ({error})") from error


_COLUMNS = (
    "candidate",
    "stage",
    "kind",
    "request_sha256",
    "occurrence",
    "choice",
    "model",
    "text",
    "text_ref",
    "reasoning",
    "reasoning_ref",
    "finish_reason",
    "request",
    "request_ref",
    "tokens_json",
    "tokens_json_ref",
    "tokenizer_hash",
    "template_hash",
)
