"""Requests to a language model, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from peercycle.core.base import JSON, Word


class Message(Word):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str


class Sampling(Word):
    """How tokens are drawn; None leaves the engine's default."""

    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)
    stop: tuple[str, ...] = ()
    """Texts at which an answer ends; they are no part of it."""
    ignore_eos: bool = False
    """Go on past the end-of-turn token, up to a stop text or `max_tokens`; engines of one's own can."""


class ModelRequest(Word):
    """One request: a conversation, or a prompt as token ids."""

    messages: tuple[Message, ...] = ()
    prompt_token_ids: tuple[int, ...] | None = None
    n: int = Field(default=1, ge=1)
    sampling: Sampling = Sampling()
    seed: int | None = None
    response_schema: dict[str, JSON] | None = None
    """JSON schema that the answer must satisfy, where the engine can constrain it."""
    assistant_prefix: str | None = None
    """Text that the answer continues."""


class Usage(Word):
    """What was used. An unknown price is None, never 0."""

    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)
    model_calls: int = Field(default=0, ge=0)
    sandbox_seconds: float = Field(default=0.0, ge=0)
    engine_seconds: float = Field(default=0.0, ge=0)
    """Time of an engine of one's own, shared fairly among what it answered together."""
    requests: int = Field(default=0, ge=0)
    """Requests to online sources."""
    cost: float | None = None
    """Money, in the currency of the price table; None where no price is configured."""

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Spent:
    """What an effect answered, and what it used of the budget."""

    result: JSON
    usage: Usage


class Completion(Word):
    """One sampled answer."""

    text: str
    reasoning: str | None = None
    finish_reason: str | None = None
    """The engine's word: `stop`, `length`, `content_filter`, …"""
    prompt_token_ids: tuple[int, ...] | None = None
    completion_token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    """Log-probability of each completion token, in nats."""


class ModelResult(Word):
    """The answer to one request."""

    completions: tuple[Completion, ...] = Field(min_length=1)
    usage: Usage = Usage()
    model: str = ""
    tokenizer_hash: str | None = None
    template_hash: str | None = None
    weights_revision: str | None = None
    raw: JSON = None
    """The answer as the engine gave it."""
    call_id: str = ""
    """Set by the driver: the same for the same request at the same place of a run."""

    @property
    def text(self) -> str:
        """The first completion's text."""
        return self.completions[0].text
