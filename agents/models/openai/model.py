"""Any server that speaks OpenAI's Chat Completions, as the cycle sees it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any, ClassVar
from urllib.parse import urlsplit

import httpx

from peercycle.agents.models.openai.answers import Answer, UnreadableError, read
from peercycle.agents.models.openai.bodies import Prefixing, body_of, prompt_bound
from peercycle.agents.models.openai.certificates import trusted_certificates
from peercycle.agents.models.openai.exchange import Exchange
from peercycle.agents.models.openai.faults import one_line, with_raw
from peercycle.agents.models.openai.keys import credentials, key_variable, require_plain_url
from peercycle.agents.models.openai.settings import OPENAI_URL, OpenAISettings, Patience
from peercycle.core.errors import ContentFilterError, ModelError, OutageError, UsageError
from peercycle.core.modelling import Completion, ModelRequest, ModelResult, Usage
from peercycle.core.outlasting import together

BYTES_A_TOKEN = 4
"""Of English, about: what is taken for the use of a server that does not say it."""


class OpenAIModel:
    """Asks a server over HTTP. Enter it before use; keys are read from the environment then, and not before."""

    backend: ClassVar[str] = "openai"
    prefixing: ClassVar[Prefixing] = "message"

    def __init__(self, settings: OpenAISettings, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        require_plain_url(settings.base_url, f"model {settings.model!r}")
        self._settings = settings
        self._transport = transport
        self._exchange: Exchange | None = None
        self._slots = asyncio.Semaphore(settings.max_concurrency)
        self._one_at_a_time = False
        """Whether the server has shown that it gives one choice only, whatever `n` says."""

    async def __aenter__(self) -> OpenAIModel:
        """Read the key and make the client; nothing is sent."""
        settings = self._settings
        shown = credentials(settings.base_url, settings.api_key_env, settings.headers_env)
        timeout = httpx.Timeout(settings.read_timeout_s, connect=settings.connect_timeout_s, pool=None)
        client = httpx.AsyncClient(
            base_url=settings.base_url.rstrip("/") + "/",
            timeout=timeout,
            limits=connections(settings),
            transport=self._transport,
            # A proxy is for what is far away: an engine on this machine is reached directly.
            trust_env=self._transport is None and not is_here(settings.base_url),
            # Certificates of one's own are for this machine, too: SSL_CERT_FILE counts where no proxy does.
            verify=trusted_certificates() if urlsplit(settings.base_url).scheme == "https" else True,
        )
        key = key_variable(settings.base_url, settings.api_key_env)
        self._exchange = Exchange(client, settings.base_url, settings.model, self.backend, settings, shown, key)
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close the connections."""
        if self._exchange is not None:
            await self._exchange.client.aclose()
            self._exchange = None

    async def generate(self, requests: Sequence[ModelRequest]) -> Sequence[ModelResult]:
        """Answer every request, in order, side by side up to `max_concurrency`."""
        return await together(self._answer(request) for request in requests)

    def worst_case(self, request: ModelRequest) -> Usage:
        """Return a bound: a token is at least one byte of the prompt; `max_tokens` for each answer.

        The prompt counts once for each answer: whether a server knows `n`, it has shown only when it has answered.
        """
        most = request.sampling.max_tokens or self._settings.max_tokens
        return Usage(
            prompt_tokens=prompt_bound(request) * request.n, completion_tokens=most * request.n, model_calls=1
        )

    async def _answer(self, request: ModelRequest) -> ModelResult:
        parts: list[Answer] = []
        while (had := sum(len(part.completions) for part in parts)) < request.n:
            choices = 1 if self._one_at_a_time else request.n - had
            part = await self._ask(request, choices, had)
            # A server that does not know `n` gives one choice: the others are asked for one by one.
            self._one_at_a_time = self._one_at_a_time or len(part.completions) < choices
            parts.append(part)
        completions = tuple(c for part in parts for c in part.completions)[: request.n]
        if not any(completion.text for completion in completions):
            self._raise_refusal(parts, completions)
        usage = Usage(
            prompt_tokens=sum(part.usage.prompt_tokens or _prompt_estimate(request) for part in parts),
            completion_tokens=sum(part.usage.completion_tokens or _answer_estimate(part) for part in parts),
            model_calls=1,
        )
        raws = [part.raw for part in parts]
        first = parts[0]
        return ModelResult(
            completions=completions,
            usage=usage,
            model=first.model or self._settings.model,
            weights_revision=first.revision,
            raw=raws[0] if len(raws) == 1 else raws,
        )

    def _raise_refusal(self, parts: Sequence[Answer], completions: Sequence[Completion]) -> None:
        """Raise `ContentFilterError` where a model said why it gives no answer, or a filter withheld it."""
        refusal = next((part.refusal for part in parts if part.refusal), None)
        if refusal is not None:
            why = f"refused to answer: {one_line(refusal)!r}"
        elif all(completion.finish_reason == "content_filter" for completion in completions):
            why = "withheld the answer: content filter"
        else:
            return
        raws = [part.raw for part in parts]
        raise with_raw(ContentFilterError(f"{self._name} {why}"), json.dumps(raws, ensure_ascii=False))

    async def _ask(self, request: ModelRequest, choices: int, first: int) -> Answer:
        if not request.messages and request.prompt_token_ids is None:
            raise ModelError(f"a request to {self._name} has neither messages nor token ids")
        path, body = body_of(
            request,
            self._settings,
            limit_field=self._limit_field(),
            prefixing=self.prefixing,
            choices=choices,
            first=first,
        )
        async with self._slots:
            found: dict[str, Any] = await self._entered().ask(path, body, stream=self._settings.stream)
        try:
            return read(found, request.assistant_prefix)
        except UnreadableError as error:
            sent = json.dumps(found, ensure_ascii=False)
            none = OutageError(f"what {self._name} sent is no answer of a model: {error}: {one_line(sent)}")
            raise with_raw(none, sent) from None

    @property
    def _name(self) -> str:
        return f"{self._settings.model!r} at {self._settings.base_url}"

    def _entered(self) -> Exchange:
        if self._exchange is None:
            raise UsageError(f"the model {self._name} is used before it was entered; write `async with model:`")
        return self._exchange

    def _limit_field(self) -> str:
        own = self._settings.base_url.rstrip("/") == OPENAI_URL
        return self._settings.max_tokens_field or ("max_completion_tokens" if own else "max_tokens")


def _prompt_estimate(request: ModelRequest) -> int:
    """Return about how many tokens a prompt has, for a server that does not say: a limit on tokens is to hold there."""
    bound = prompt_bound(request)
    return bound if request.prompt_token_ids is not None else -(-bound // BYTES_A_TOKEN)


def _answer_estimate(answer: Answer) -> int:
    """Return about how many tokens an answer has."""
    said = sum(len(f"{each.reasoning or ''}{each.text}".encode("utf-8", "replace")) for each in answer.completions)
    return -(-said // BYTES_A_TOKEN)


def connections(patience: Patience) -> httpx.Limits:
    """Return how many connections are held open: one for each request that may be on its way.

    A transport that is handed to a client needs them too: httpx's client tells them to its own transport only.
    """
    return httpx.Limits(max_connections=patience.max_concurrency, max_keepalive_connections=patience.max_concurrency)


def is_here(base_url: str) -> bool:
    """Return whether an address is one of this machine."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
