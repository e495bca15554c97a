"""The transport of all online sources.

    kept? -> answer it
    circuit open? -> unavailable
    until the deadline, at most `tries` times:
        wait for the host's turn; send; read
        200 and it parses -> keep it, answer it
        429 -> leave the host alone for as long as it says, try again
        5xx, broken connection, no JSON -> pause (1, 2, 4 s, each with jitter), try again
        anything else -> the error that it means

The question that a request belongs to (`deadlines.py`) ends it at the latest, whatever it waits for.

An outage is an error and never an empty answer. The key travels in a header that nothing records.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from peercycle.agents.literature.online.addresses import is_loopback, origin_of
from peercycle.agents.literature.online.breaker import breaker_of
from peercycle.agents.literature.online.deadlines import QUESTION, Deadline, Question
from peercycle.agents.literature.online.exchange import Exchange, exchange
from peercycle.agents.literature.online.kept import Kept, KeptAnswers, key_of
from peercycle.agents.literature.online.refusals import KEPT, RATE_LIMITED, TRANSIENT, error_of, retry_after
from peercycle.agents.literature.online.settings import Kind, OnlineSettings
from peercycle.agents.literature.online.turns import Turn, Turns
from peercycle.agents.literature.places import cache_folder
from peercycle.core.errors import PeercycleError, RateLimitedError, SourceUnavailableError
from peercycle.core.requests import REQUESTS

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

USER_AGENT = "peercycle"
FIRST_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. Two that are equal have one answer, whatever the headers say."""

    method: Literal["GET", "POST"]
    url: str
    """Without parameters."""
    parameters: str = ""
    """Quoted already."""
    body: Any = None
    """JSON, or None."""
    kind: Kind = "search"
    most_bytes: int | None = None
    """The largest answer that is read; none means what the settings say."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Where a key is. Never kept, journalled or shown."""
    secret_parameters: str = ""
    """More parameters, for a source that takes its key there. Never kept, journalled or shown."""

    @property
    def address(self) -> str:
        """What may be shown of where it is sent."""
        return f"{self.url}?{self.parameters}" if self.parameters else self.url


@dataclass(frozen=True, slots=True)
class Fetched(Generic[T]):
    """An answer as it was understood."""

    value: T
    fetched_at: float
    """UTC time at which the service gave it, seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Manners:
    """What a host asks of its users."""

    interval_s: float
    alone: bool = False
    """One connection at a time, over all processes of this machine."""


class Transport:
    """How one source reaches its service. Enter it before use; one instance serves one event loop."""

    def __init__(self, settings: OnlineSettings, base: str, manners: Manners) -> None:
        self._settings = settings
        self._host = origin_of(base)[1]
        self._interval_s = manners.interval_s if settings.interval_s is None else settings.interval_s
        self._alone = manners.alone
        # Two services on one machine, as in tests, are two hosts.
        self._place = f"{self._host}:{origin_of(base)[2]}"
        self._breaker = breaker_of(self._place)
        self._client: httpx.AsyncClient | None = None
        self._kept: KeptAnswers | None = None
        self._turns: Turns | None = None
        self._asking: dict[str, asyncio.Lock] = {}

    async def __aenter__(self) -> Transport:
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._client is not None:
            await self._client.aclose()
        if self._kept is not None:
            self._kept.close()
        if self._turns is not None:
            self._turns.close()
        self._client = self._kept = self._turns = None

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
            raise SourceUnavailableError(_over(self._host, question)) from None

    async def _fetch(self, ask: Ask, parse: Callable[[bytes], T]) -> Fetched[T]:
        key = key_of(ask.method, ask.url, ask.parameters, ask.body)
        # Two that ask the same at once: the second waits for the first one's answer.
        async with self._asking.setdefault(key, asyncio.Lock()):
            kept = await asyncio.to_thread(self._answers().get, key)
            if kept is not None and self._is_good(kept, ask):
                self._note(ask, kept.status, 0.0, kept=True)
                return self._understood(kept, parse)
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

    def _understood(self, kept: Kept, parse: Callable[[bytes], T]) -> Fetched[T]:
        if kept.status != 200:
            raise error_of(self._host, Exchange(kept.status, {}, kept.body))
        return Fetched(parse(kept.body), kept.fetched_at)

    async def _ask(self, key: str, ask: Ask, parse: Callable[[bytes], T]) -> Fetched[T]:
        if (closed := self._breaker.seconds_closed_off()) > 0:
            raise SourceUnavailableError(
                f"{self._host} failed several times in a row and is not asked for {closed:.0f} s more"
            )
        try:
            fetched = await self._try_in_time(key, ask, parse)
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

    async def _try_in_time(self, key: str, ask: Ask, parse: Callable[[bytes], T]) -> Fetched[T]:
        clock = Deadline(self._settings.deadline_s, QUESTION.get())
        failure = SourceUnavailableError(f"{self._host} was not asked")
        for number in range(1, self._settings.tries + 1):
            turn = await self._turn(clock, failure, number)
            try:
                answer = await self._send(ask, clock)
                if answer.status == 200:
                    value = _parsed(self._host, answer, parse)
                    return Fetched(value, await self._keep(key, ask, answer))
                if answer.status == RATE_LIMITED:
                    failure = await self._rate_limited(answer)
                else:
                    error = error_of(self._host, answer)
                    if answer.status in KEPT:
                        await self._keep(key, ask, answer)
                    if answer.status not in TRANSIENT or not isinstance(error, SourceUnavailableError):
                        raise error
                    failure = error
            except TransientError as broken:
                failure = SourceUnavailableError(str(broken))
            finally:
                if self._alone:
                    await asyncio.to_thread(self._turn_book().done, turn)
            if number < self._settings.tries:
                await self._pause(number, failure, clock)
        raise _after(failure, self._settings.tries)

    async def _turn(self, clock: Deadline, failure: SourceUnavailableError, number: int) -> Turn:
        """Wait for the host's turn. The first wait, in a queue of our own making, does not count to the deadline."""
        within = (
            clock.left() if clock.running else clock.question.left() if clock.question else self._settings.question_s
        )
        alone_for_s = self._settings.deadline_s if self._alone else 0.0
        turn = await self._turn_book().take(self._place, self._interval_s, within_s=within, alone_for_s=alone_for_s)
        if turn is None and clock.running:
            raise _after(failure, number - 1)
        if turn is None:
            raise RateLimitedError(
                f"{self._host} takes one request in {self._interval_s:g} s, or asked to be left alone, "
                f"and no turn comes within the {within:.0f} s that are left"
            )
        clock.start()
        return turn

    async def _send(self, ask: Ask, clock: Deadline) -> Exchange:
        import httpx

        log, began = REQUESTS.get(), time.monotonic()
        if log is not None:
            log.spend(ask.url)
        status: int | str = "no answer"
        try:
            async with asyncio.timeout(clock.left()):
                query = "&".join(part for part in (ask.parameters, ask.secret_parameters) if part)
                answer = await exchange(
                    self._http(),
                    ask.method,
                    f"{ask.url}?{query}" if query else ask.url,
                    headers={"user-agent": USER_AGENT, **ask.headers},
                    body=ask.body,
                    most_bytes=ask.most_bytes or self._settings.most_bytes,
                )
            status = answer.status
            return answer
        except SourceUnavailableError:
            # A connection error by its class, and final: too large, or redirected where nobody may go.
            raise
        except TimeoutError:
            question = clock.question
            over = question is not None and question.left() <= 0
            own = f"{self._host} gave no whole answer within {self._settings.deadline_s:g} s"
            raise SourceUnavailableError(_over(self._host, question) if question and over else own) from None
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError) as error:
            raise TransientError(
                f"{self._host} cannot be reached ({type(error).__name__}{f': {error}' if str(error) else ''})"
            ) from None
        finally:
            self._note(ask, status, time.monotonic() - began, kept=False)

    async def _rate_limited(self, answer: Exchange) -> RateLimitedError:
        wanted = retry_after(answer)
        if wanted:
            await asyncio.to_thread(self._turn_book().leave_alone, self._place, wanted)
        asks = f" and wants to be left alone for {wanted:.0f} s" if wanted else ""
        return RateLimitedError(f"{self._host} says that it was asked too often (429){asks}", wanted)

    async def _pause(self, number: int, failure: SourceUnavailableError, clock: Deadline) -> None:
        wanted = failure.retry_after if isinstance(failure, RateLimitedError) else None
        pause = wanted if wanted is not None else FIRST_PAUSE_S * 2 ** (number - 1) * random.uniform(0.5, 1.5)
        if pause >= clock.left():
            raise _after(failure, number)
        await asyncio.sleep(pause)

    async def _keep(self, key: str, ask: Ask, answer: Exchange) -> float:
        now = time.time()
        kept = Kept(answer.status, answer.headers.get("content-type", ""), answer.body, now)

        def put() -> None:
            self._answers().put(key, host=self._host, kind=ask.kind, method=ask.method, url=ask.address, kept=kept)

        await asyncio.to_thread(put)
        return now

    def _note(self, ask: Ask, status: int | str, seconds: float, *, kept: bool) -> None:
        if (log := REQUESTS.get()) is not None:
            took = round(seconds, 3)
            log.lines.append(
                {"method": ask.method, "url": ask.address, "status": status, "seconds": took, "kept": kept}
            )

    def _answers(self) -> KeptAnswers:
        if self._kept is None:
            self._kept = KeptAnswers(cache_folder(self._settings.cache))
        return self._kept

    def _turn_book(self) -> Turns:
        if self._turns is None:
            # Always in the user's own place: the rate is one of this machine, whatever cache a run uses.
            self._turns = Turns(cache_folder(None))
        return self._turns

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            import httpx

            most = 1 if self._alone else 8
            self._client = httpx.AsyncClient(
                timeout=httpx.Timeout(self._settings.deadline_s),
                limits=httpx.Limits(max_connections=most, max_keepalive_connections=most),
                # A proxy of the environment is for what lies beyond this machine.
                trust_env=not is_loopback(self._host),
            )
        return self._client


class TransientError(Exception):
    """A try that failed in a way that the next one may not."""


def _parsed(host: str, answer: Exchange, parse: Callable[[bytes], T]) -> T:
    try:
        return parse(answer.body)
    except (ValueError, RecursionError) as error:
        raise TransientError(f"{host} answers with what is no answer of its kind ({error})") from None


def _over(host: str, question: Question) -> str:
    return f"{host} gave no whole answer within the {question.seconds:g} s that the question may take in all"


def _after(failure: SourceUnavailableError, tries: int) -> SourceUnavailableError:
    """Return the last failure, saying how often it was tried."""
    message = f"{failure}; tried {tries} time{'s' if tries > 1 else ''}"
    if isinstance(failure, RateLimitedError):
        return RateLimitedError(message, failure.retry_after)
    return SourceUnavailableError(message)
