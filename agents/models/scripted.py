"""A model whose answers were written beforehand: for tests, and for trying a set-up without an engine."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, TypeAdapter, ValidationError, field_validator

from peercycle.agents.models import bytes_tokenizer as tokenizer
from peercycle.core.base import Word
from peercycle.core.complaints import complaint_of
from peercycle.core.errors import BadInputError, ModelError, OutageError
from peercycle.core.modelling import Completion, ModelRequest, ModelResult, Usage


class ScriptedAnswer(Word):
    """One answer, and when it is given."""

    text: str | tuple[str, ...] = ""
    """Several texts: completion i of a request with seed s gets number (s + i), counted around."""
    when: str | None = None
    """Regular expression searched for in the request's last message; such an answer is given every time it fits.
    Without it the answer stands in the queue, and is given once."""
    reasoning: str | None = None
    error: Literal["outage", "refused"] | None = None
    """Raise `OutageError` (for now) or `ModelError` (for good) instead of answering."""

    @field_validator("when")
    @classmethod
    def _is_a_pattern(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from None
        return pattern

    @property
    def texts(self) -> tuple[str, ...]:
        """Its texts, one or several."""
        return (self.text,) if isinstance(self.text, str) else self.text


class ScriptedModelSettings(Word):
    """The answers, and where they are."""

    answers: tuple[ScriptedAnswer | str, ...] = ()
    file: str | None = None
    """A JSON list of answers, or JSON lines; they follow those of `answers`."""
    order: Literal["call", "turn"] = "call"
    """Which answer of the queue is next: `call` counts the calls of this process; `turn` counts the assistant's
    turns in the conversation, and so gives the same answer after a resume and whatever the order of calls."""
    repeat: bool = False
    """Begin the queue again at its end, instead of refusing."""
    label: str = "scripted"
    """What results name as the model."""
    token_ids: bool = True
    """Answers carry the ids of their tokens."""
    delay_s: float = Field(default=0.0, ge=0)
    """How long a call takes."""


_ANSWERS = TypeAdapter(list[ScriptedAnswer | str])


class ScriptedModel:
    """Gives the first answer whose `when` fits the last message, else the next one of the queue.

    Tokens are bytes of UTF-8, so that usage, ids and `max_tokens` are exact. Stop strings and `max_tokens` cut
    the answer as an engine would.
    """

    def __init__(self, settings: ScriptedModelSettings) -> None:
        self._settings = settings
        self._loaded: tuple[ScriptedAnswer, ...] | None = None
        self._calls = 0

    async def generate(self, requests: Sequence[ModelRequest]) -> Sequence[ModelResult]:
        """Answer every request, in order. Raises `ModelError` where no answer is left."""
        answers = [self._choose(request) for request in requests]
        await asyncio.sleep(self._settings.delay_s)
        return [_result(request, answer, self._settings) for request, answer in zip(requests, answers, strict=True)]

    def worst_case(self, request: ModelRequest) -> Usage:
        """Return the prompt, and `max_tokens` or else the longest answer there is, for each completion."""
        longest = max((len(tokenizer.encode(t)) for a in self._answers() for t in a.texts), default=0)
        most = longest if request.sampling.max_tokens is None else min(longest, request.sampling.max_tokens)
        return Usage(
            prompt_tokens=len(tokenizer.prompt_ids(request)), completion_tokens=most * request.n, model_calls=1
        )

    def _choose(self, request: ModelRequest) -> ScriptedAnswer:
        said = request.messages[-1].content if request.messages else tokenizer.decode(tokenizer.prompt_ids(request))
        fitting = (a for a in self._answers() if a.when is not None and re.search(a.when, said))
        answer = next(fitting, None) or self._next(request, said)
        if answer.error == "outage":
            raise OutageError("the scripted model is down, as its script says")
        if answer.error == "refused":
            raise ModelError("the scripted model refuses this request, as its script says")
        return answer

    def _next(self, request: ModelRequest, said: str) -> ScriptedAnswer:
        queue = [answer for answer in self._answers() if answer.when is None]
        if self._settings.order == "turn":
            number = sum(message.role == "assistant" for message in request.messages)
        else:
            number, self._calls = self._calls, self._calls + 1
        if self._settings.repeat and queue:
            number %= len(queue)
        if number >= len(queue):
            raise ModelError(
                f"the scripted model has {len(queue)} answers in its queue and none for number {number + 1}, "
                f"which asks {said[:80]!r}; add an answer, or set repeat"
            )
        return queue[number]

    def _answers(self) -> tuple[ScriptedAnswer, ...]:
        if self._loaded is None:
            given = [
                *self._settings.answers,
                *(read_answers(Path(self._settings.file)) if self._settings.file else ()),
            ]
            self._loaded = tuple(ScriptedAnswer(text=a) if isinstance(a, str) else a for a in given)
        return self._loaded


def read_answers(path: Path) -> list[ScriptedAnswer | str]:
    """Read answers from a JSON list or from JSON lines. Raises `BadInputError` naming file and line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"the answers file {str(path)!r} cannot be read: {error}") from None
    try:
        if text.lstrip().startswith("["):
            return _ANSWERS.validate_python(json.loads(text))
        lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
        return [_line(path, n, line) for n, line in lines]
    except json.JSONDecodeError as error:
        raise BadInputError(f"the answers file {str(path)!r} is not JSON: {error}") from None
    except ValidationError as error:
        fault = error.errors()[0]
        raise BadInputError(f"the answers file {str(path)!r} at {fault['loc']}: {complaint_of(fault)}") from None


def _line(path: Path, number: int, line: str) -> ScriptedAnswer | str:
    try:
        (answer,) = _ANSWERS.validate_python([json.loads(line)])
    except (json.JSONDecodeError, ValidationError) as error:
        reason = complaint_of(error.errors()[0]) if isinstance(error, ValidationError) else str(error)
        raise BadInputError(f"line {number} of the answers file {str(path)!r} is no answer: {reason}") from None
    return answer


def _result(request: ModelRequest, answer: ScriptedAnswer, settings: ScriptedModelSettings) -> ModelResult:
    prompt = tokenizer.prompt_ids(request)
    completions = tuple(_completion(request, answer, prompt, index) for index in range(request.n))
    used = sum(len(c.completion_token_ids or ()) for c in completions)
    if not settings.token_ids:
        bare = {"prompt_token_ids": None, "completion_token_ids": None}
        completions = tuple(completion.model_copy(update=bare) for completion in completions)
    return ModelResult(
        completions=completions,
        usage=Usage(prompt_tokens=len(prompt), completion_tokens=used, model_calls=1),
        model=settings.label,
        tokenizer_hash=tokenizer.TOKENIZER_HASH,
        template_hash=tokenizer.TEMPLATE_HASH,
        raw={"answer": answer.model_dump(mode="json")},
    )


def _completion(request: ModelRequest, answer: ScriptedAnswer, prompt: tuple[int, ...], index: int) -> Completion:
    texts = answer.texts
    text = texts[((request.seed or 0) + index) % len(texts)] if texts else ""
    cuts = [at for stop in request.sampling.stop if stop and (at := text.find(stop)) >= 0]
    text = text[: min(cuts)] if cuts else text
    ids, most = tokenizer.encode(text), request.sampling.max_tokens
    finish = "stop"
    if most is not None and len(ids) > most:
        ids, finish = ids[:most], "length"
        text = tokenizer.decode(ids)
    return Completion(
        text=text,
        reasoning=answer.reasoning,
        finish_reason=finish,
        prompt_token_ids=prompt,
        completion_token_ids=ids,
    )
