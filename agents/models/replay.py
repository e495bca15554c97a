"""A model that answers what an earlier run's models answered: the same requests, nothing generated."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from peercycle.agents.models import bytes_tokenizer
from peercycle.core.base import Word, canonical_json, sha256_hex
from peercycle.core.errors import BadInputError, ModelError
from peercycle.core.modelling import ModelRequest, ModelResult, Usage


class ReplayModelSettings(Word):
    """Where the answers are."""

    run: str
    """Path of the run directory, or of its `run.sqlite`."""


class ReplayModel:
    """Answers from the journal of a run, looked up by the request's hash: role and model do not enter it.

    Identical requests get their answers in the order in which the run got them. A request that the run's model
    refused for good is refused again, in the same words.
    """

    def __init__(self, settings: ReplayModelSettings) -> None:
        path = Path(settings.run).expanduser()
        self._path = path.parent if path.name == "run.sqlite" else path
        self._recorded: dict[str, list[ModelResult | ModelError]] | None = None
        self._given: dict[str, int] = {}
        self._reading = asyncio.Lock()

    async def generate(self, requests: Sequence[ModelRequest]) -> Sequence[ModelResult]:
        """Answer every request, in order. Raises `ModelError` for one that the run does not hold."""
        async with self._reading:
            if self._recorded is None:
                self._recorded = await _recorded(self._path)
        return [self._answer(request, self._recorded) for request in requests]

    def worst_case(self, request: ModelRequest) -> Usage:
        """Return nothing but the call: what is replayed was paid for when it was first asked."""
        return Usage(model_calls=1)

    def _answer(self, request: ModelRequest, recorded: dict[str, list[ModelResult | ModelError]]) -> ModelResult:
        digest = request_hash(request)
        answers, given = recorded.get(digest, []), self._given.get(digest, 0)
        if given >= len(answers):
            last = (
                request.messages[-1].content
                if request.messages
                else bytes_tokenizer.decode(request.prompt_token_ids or ())
            )
            times = (
                f"answers this request {len(answers)} times only" if answers else "holds no answer to this request"
            )
            raise ModelError(f"the run at {str(self._path)!r} {times}: {last[:80]!r} (sha256 {digest[:12]})")
        self._given[digest] = given + 1
        answer = answers[given]
        if isinstance(answer, ModelError):
            raise answer
        return answer.model_copy(update={"usage": Usage(model_calls=1)})


def request_hash(request: ModelRequest) -> str:
    """Return what identifies a request: the SHA-256 of its canonical JSON."""
    return sha256_hex(canonical_json(request))


async def _recorded(path: Path) -> dict[str, list[ModelResult | ModelError]]:
    from peercycle.store.directory import read_run

    found: dict[str, list[ModelResult | ModelError]] = {}
    for row in await read_run(path).rows("effects"):
        if row["kind"] == "model" and row["state"] == "settled":
            digest, answer = _entry(path, row)
            found.setdefault(digest, []).append(answer)
    return found


def _entry(path: Path, row: Any) -> tuple[str, ModelResult | ModelError]:
    try:
        request = ModelRequest.model_validate(json.loads(row["request"])["request"])
        if row["error_type"]:
            return request_hash(request), ModelError(str(row["error_message"]))
        return request_hash(request), ModelResult.model_validate_json(row["result"])
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        raise BadInputError(
            f"effect {row['effect_id']} of the run at {str(path)!r} is no model's answer: {error}"
        ) from None
