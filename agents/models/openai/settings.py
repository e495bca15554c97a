"""Where a server is, which model of it is asked, and how patiently."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from peercycle.core.base import JSON, Word

OPENAI_URL = "https://api.openai.com/v1"
OPENAI_KEY = "OPENAI_API_KEY"


class Patience(Word):
    """How a server is waited for; shared by every backend that asks one over HTTP."""

    max_concurrency: int = Field(default=32, ge=1)
    """Requests on their way at the same time."""
    connect_timeout_s: float = Field(default=10.0, gt=0)
    read_timeout_s: float = Field(default=600.0, gt=0)
    """The longest silence: of a whole answer, or between two pieces of a stream."""
    retries: int = Field(default=4, ge=0, le=20)
    """New tries after 408, 409, 429, 5xx, a broken connection or an unreadable answer."""
    retry_wait_s: float = Field(default=1.0, ge=0)
    """Wait before the first new try; it doubles each time, with jitter, up to `max_wait_s`."""
    max_wait_s: float = Field(default=60.0, ge=0)
    """The longest wait before a new try. A server that asks for more is out for now: `--on-outage` decides."""


class OpenAISettings(Patience):
    """A server and a model of it."""

    model: str = Field(
        description="write openai/NAME, as the server calls the model, such as --model openai/llama-3; a server other "
        "than OpenAI's own is named by --set models.openai.base_url=http://HOST:PORT/v1"
    )
    """The name that the server gives the model."""
    base_url: str = OPENAI_URL
    """Up to and with `/v1`."""
    api_key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Name of the environment variable that holds the key. None: `OPENAI_API_KEY` for OpenAI's own address, no key
    for any other. A key itself is never a setting."""
    headers_env: dict[str, str] = {}
    """Further headers, each by the name of the variable that holds its value."""
    stream: bool = False
    """Receive the answer piece by piece: for long answers behind proxies that cut silent connections."""
    max_tokens: int = Field(default=4096, ge=1)
    """Tokens of an answer where the request does not say."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    """What the server calls it; None is `max_completion_tokens` for OpenAI's own address, else `max_tokens`."""
    response_format: Literal["json_schema", "json_object", "none"] = "json_schema"
    """How the server is told that an answer is to be JSON."""
    return_token_ids: bool = False
    """Ask for token ids and log-probabilities, as vLLM gives them."""
    extra_body: dict[str, JSON] = {}
    """Sent along with every request, such as `{"reasoning_effort": "low"}`."""

    @field_validator("extra_body")
    @classmethod
    def _leaves_what_is_ours(cls, body: dict[str, JSON]) -> dict[str, JSON]:
        ours = {"model", "messages", "prompt", "n", "stream", "response_format"}
        if taken := sorted(ours & body.keys()):
            raise ValueError(
                f"{', '.join(taken)} are set by other settings, or by peercycle itself; leave them out here"
            )
        return body
