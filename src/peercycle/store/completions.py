"""What models were asked and said, in `run.sqlite`: where training data comes from."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict, dataclass

from peercycle.core.base import JSON
from peercycle.core.journal import ArtifactStore, EffectKey
from peercycle.core.modelling import Completion, ModelRequest, ModelResult
from peercycle.store.bodies import Body, json_text, lay, plain_text, plain_text_or_none
from peercycle.store.upsert import upsert

OPENING_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class CompletionRow:
    """One sampled answer, its long texts laid down already."""

    choice: int
    opening: str
    text: Body
    reasoning: Body
    tokens: Body
    finish_reason: str | None


async def lay_request(artifacts: ArtifactStore, request: ModelRequest) -> Body:
    """Return the body of a model request."""
    text = json_text(request.model_dump(mode="json"), "a model request")
    return await lay(artifacts, text, "model request")


async def lay_completion(artifacts: ArtifactStore, choice: int, completion: Completion) -> CompletionRow:
    """Return the row of one answer, its long texts stored."""
    text = plain_text(completion.text)
    tokens = _tokens(completion)
    return CompletionRow(
        choice=choice,
        opening=" ".join(text[: 4 * OPENING_CHARACTERS].split())[:OPENING_CHARACTERS],
        text=await lay(artifacts, text, "completion", "text/plain; charset=utf-8"),
        reasoning=await lay(
            artifacts, plain_text_or_none(completion.reasoning), "reasoning", "text/plain; charset=utf-8"
        ),
        tokens=await lay(artifacts, None if tokens is None else json_text(tokens, "token ids"), "token ids"),
        finish_reason=completion.finish_reason,
    )


def save_completions(
    connection: sqlite3.Connection,
    key: EffectKey,
    role: str,
    request: Body,
    result: ModelResult,
    rows: tuple[CompletionRow, ...],
    accepted: bool | None,
) -> None:
    """Insert or replace the answers to one effect; an `accepted` of None leaves an earlier verdict."""
    for row in rows:
        values = {
            "role": role,
            "accepted": accepted,
            "model": result.model,
            "opening": row.opening,
            "text": row.text.text,
            "text_ref": row.text.ref,
            "reasoning": row.reasoning.text,
            "reasoning_ref": row.reasoning.ref,
            "finish_reason": row.finish_reason,
            "request": request.text,
            "request_ref": request.ref,
            "tokens_json": row.tokens.text,
            "tokens_json_ref": row.tokens.ref,
            "tokenizer_hash": result.tokenizer_hash,
            "template_hash": result.template_hash,
            "weights_revision": result.weights_revision,
        }
        upsert(connection, "completions", {**asdict(key), "choice": row.choice}, values, keep=("accepted",))


def accept_completion(connection: sqlite3.Connection, key: EffectKey, choice: int | None) -> None:
    """Give every completion of an effect its verdict."""
    place = asdict(key)
    where = " AND ".join(f"{column} = :{column}" for column in place)
    connection.execute(
        f"UPDATE completions SET accepted = (choice = :chosen) WHERE {where}",  # noqa: S608 - names from our own code
        {**place, "chosen": -1 if choice is None else choice},
    )


def _tokens(completion: Completion) -> dict[str, JSON] | None:
    if completion.prompt_token_ids is None and completion.completion_token_ids is None:
        return None
    return {
        "prompt_token_ids": _listed(completion.prompt_token_ids),
        "completion_token_ids": _listed(completion.completion_token_ids),
        "logprobs": _listed(completion.logprobs),
    }


def _listed(values: tuple[int, ...] | tuple[float, ...] | None) -> JSON:
    return None if values is None else list(values)
