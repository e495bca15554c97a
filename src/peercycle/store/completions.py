"""What models were asked and said, in `run.sqlite`: where training data comes from."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from peercycle.core.base import JSON
from peercycle.core.journal import ArtifactStore, EffectKey
from peercycle.core.modelling import Completion, ModelRequest, ModelResult
from peercycle.store.bodies import Body, json_text, lay, plain_text
from peercycle.store.effects import KEY_COLUMNS, key_columns

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
    reasoning = None if completion.reasoning is None else plain_text(completion.reasoning)
    tokens = _tokens(completion)
    return CompletionRow(
        choice=choice,
        opening=" ".join(text[: 4 * OPENING_CHARACTERS].split())[:OPENING_CHARACTERS],
        text=await lay(artifacts, text, "completion", "text/plain; charset=utf-8"),
        reasoning=await lay(artifacts, reasoning, "reasoning", "text/plain; charset=utf-8"),
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
        connection.execute(
            f"INSERT INTO completions ({KEY_COLUMNS}, choice, role, accepted, model, opening, text, text_ref, "  # noqa: S608
            "reasoning, reasoning_ref, finish_reason, request, request_ref, tokens_json, tokens_json_ref, "
            "tokenizer_hash, template_hash, weights_revision) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            f"ON CONFLICT ({KEY_COLUMNS}, choice) DO UPDATE SET role = excluded.role, "
            "accepted = COALESCE(excluded.accepted, accepted), model = excluded.model, opening = excluded.opening, "
            "text = excluded.text, text_ref = excluded.text_ref, reasoning = excluded.reasoning, "
            "reasoning_ref = excluded.reasoning_ref, finish_reason = excluded.finish_reason, "
            "request = excluded.request, request_ref = excluded.request_ref, tokens_json = excluded.tokens_json, "
            "tokens_json_ref = excluded.tokens_json_ref, tokenizer_hash = excluded.tokenizer_hash, "
            "template_hash = excluded.template_hash, weights_revision = excluded.weights_revision",
            (
                *key_columns(key),
                row.choice,
                role,
                accepted,
                result.model,
                row.opening,
                row.text.text,
                row.text.ref,
                row.reasoning.text,
                row.reasoning.ref,
                row.finish_reason,
                request.text,
                request.ref,
                row.tokens.text,
                row.tokens.ref,
                result.tokenizer_hash,
                result.template_hash,
                result.weights_revision,
            ),
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
