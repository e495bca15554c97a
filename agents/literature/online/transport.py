"""The transport of all online sources.

    kept? -> answer it
    circuit open? -> unavailable
    tries until the deadline (`tries.py`) -> keep the answer, or the refusal; count an outage

The question that a request belongs to (`deadlines.py`) ends it at the latest, whatever it waits for.

An outage is an error and never an empty answer. The key travels in a header that nothing records.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from peercycle.agents.literature.online.asks import Ask, Fetched, Manners
from peercycle.agents.literature.online.breaker import breaker_of
from peercycle.agents.literature.online.deadlines import QUESTION
from peercycle.agents.literature.online.exchange import Exchange
from peercycle.agents.literature.online.kept import Kept, KeptAnswers, key_of
from peercycle.agents.literature.online.refusals import error_of
from peercycle.agents.literature.online.settings import OnlineSettings
from peercycle.agents.literature.online.tries import Sender, note, out_of_time
from peercycle.agents.literature.places import cache_folder
from peercycle.core.errors import PeercycleError, RateLimitedError, SourceUnavailableError

T = TypeVar("T")


class Transport:
    """How one source reaches its service. Enter it before use; one instance serves one event loop."""

    def __init__(self, settings: OnlineSettings, base: str, manners: Manners) -> None:
        self._settings = settings
        self._sender = Sender(settings, base, manners)
        self._host = self._sender.host
        self._breaker = breaker_of(self._sender.place)
        self._kept: KeptAnswers | None = None
        self._asking: dict[str, asyncio.Lock] = {}

    async def __aenter__(self) -> Transport:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._sender.close()
        if self._kept is not None:
            self._kept.close()
        self._kept = None

    async def fetch(self, ask: Ask, parse: Callable[[bytes], T]) -> Fetched[T]:
        """Return the answer, kept or new. `parse` raises `ValueError` for what is no answer.

        Raises `SourceUnavailableError`, `RateLimitedError`, `WorkNotFoundError` or `BadRequestError`.
        """
        question = QUESTION.get()
        if question is None:
            return await self._fetch(ask, parse)
        try:
            async with asyncio.timeout(question.left()):
                return await self._fetch(ask, parse)
        except TimeoutError:
            raise SourceUnavailableError(out_of_time(self._host, question)) from None

    async def _fetch(self, ask: Ask, parse: Callable[[bytes], T]) -> Fetched[T]:
        key = key_of(ask.method, ask.url, ask.parameters, ask.body)
        # Two that ask the same at once: the second waits for the first one's answer.
        async with self._asking.setdefault(key, asyncio.Lock()):
            kept = await asyncio.to_thread(self._answers().get, key)
            if kept is not None and self._is_good(kept, ask):
                note(ask, kept.status, 0.0, kept=True)
                return self._understood(kept, ask, parse)
            if self._settings.mode == "cache-only":
                raise SourceUnavailableError(
                    f"no answer of {self._host} is kept for this request, and the mode is cache-only; "
                    f"ask once with the mode cached"
                )
            return await self._ask(key, ask, parse)

    def _is_good(self, kept: Kept, ask: Ask) -> bool:
        mode = self._settings.mode
        if mode != "cached":
            return mode == "cache-only"
        lifetime = self._settings.lifetimes.seconds("refusal" if kept.status != 200 else ask.kind)
        return 0 <= time.time() - kept.fetched_at < lifetime

    def _understood(self, kept: Kept, ask: Ask, parse: Callable[[bytes], T]) -> Fetched[T]:
        if kept.status != 200:
            raise error_of(self._host, Exchange(kept.status, {}, kept.body), ask.kind)
        return Fetched(parse(kept.body), kept.fetched_at)

    async def _ask(self, key: str, ask: Ask, parse: Callable[[bytes], T]) -> Fetched[T]:
        if (closed := self._breaker.seconds_closed_off()) > 0:
            raise SourceUnavailableError(
                f"{self._host} failed several times in a row and is not asked for {closed:.0f} s more"
            )

        async def keep(answer: Exchange) -> float:
            return await self._keep(key, ask, answer)

        try:
            fetched = await self._sender.answer(ask, parse, keep)
        except RateLimitedError:
            raise
        except SourceUnavailableError:
            # A question that ran out of time says nothing of the host.
            if (question := QUESTION.get()) is None or question.left() > 0:
                self._breaker.failed()
            raise
        except PeercycleError:
            # A refusal is an answer: the host is well.
            self._breaker.succeeded()
            raise
        self._breaker.succeeded()
        return fetched

    async def _keep(self, key: str, ask: Ask, answer: Exchange) -> float:
        now = time.time()
        kept = Kept(answer.status, answer.headers.get("content-type", ""), answer.body, now)

        def put() -> None:
            self._answers().put(key, host=self._host, kind=ask.kind, method=ask.method, url=ask.address, kept=kept)

        await asyncio.to_thread(put)
        return now

    def _answers(self) -> KeptAnswers:
        if self._kept is None:
            self._kept = KeptAnswers(cache_folder(self._settings.cache))
        return self._kept
