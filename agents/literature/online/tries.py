"""The tries of one request: until its deadline, at most `tries` times, each in the host's turn.

wait for the turn; send; read
200 and it parses -> keep it, answer it
429 -> leave the host alone for as long as it says, try again
5xx, broken connection, no JSON -> pause (1, 2, 4 s, each with jitter), try again
anything else -> the error that it means
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from peercycle.agents.literature.online.addresses import is_loopback, origin_of
from peercycle.agents.literature.online.asks import USER_AGENT, Ask, Fetched, Manners
from peercycle.agents.literature.online.deadlines import QUESTION, Deadline, Question
from peercycle.agents.literature.online.exchange import Exchange, exchange
from peercycle.agents.literature.online.refusals import KEPT, RATE_LIMITED, TRANSIENT, error_of, retry_after
from peercycle.agents.literature.online.settings import OnlineSettings
from peercycle.agents.literature.online.turns import Turn, Turns
from peercycle.agents.literature.places import cache_folder
from peercycle.core.errors import RateLimitedError, SourceUnavailableError
from peercycle.core.requests import REQUESTS

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
Keep = Callable[[Exchange], Awaitable[float]]

FIRST_PAUSE_S = 1.0


class Sender:
    """Sends requests to one host, in its turns. Opens at first use; `close` ends it."""

    def __init__(self, settings: OnlineSettings, base: str, manners: Manners) -> None:
        _, self.host, port = origin_of(base)
        # Two services on one machine, as in tests, are two hosts.
        self.place = f"{self.host}:{port}"
        self._settings = settings
        self._interval_s = manners.interval_s if settings.interval_s is None else settings.interval_s
        self._alone = manners.alone
        self._client: httpx.AsyncClient | None = None
        self._turns: Turns | None = None

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        if self._client is not None:
            await self._client.aclose()
        if self._turns is not None:
            self._turns.close()
        self._client = self._turns = None

    async def answer(self, ask: Ask, parse: Callable[[bytes], T], keep: Keep) -> Fetched[T]:
        """Send until there is an answer, and keep it; `keep` returns when that was.

        Raises `SourceUnavailableError`, `RateLimitedError`, `WorkNotFoundError` or `BadRequestError`.
        """
        clock = Deadline(self._settings.deadline_s, QUESTION.get())
        failure = SourceUnavailableError(f"{self.host} was not asked")
        for number in range(1, self._settings.tries + 1):
            turn = await self._turn(clock, failure, number)
            try:
                answer = await self._send(ask, clock)
                if answer.status == 200:
                    value = _parsed(self.host, answer, parse)
                    return Fetched(value, await keep(answer))
                if answer.status == RATE_LIMITED:
                    failure = await self._rate_limited(answer)
                else:
                    error = error_of(self.host, answer, ask.kind)
                    if answer.status in KEPT and not isinstance(error, SourceUnavailableError):
                        await keep(answer)
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
        turn = await self._turn_book().take(self.place, self._interval_s, within_s=within, alone_for_s=alone_for_s)
        if turn is None and clock.running:
            raise _after(failure, number - 1)
        if turn is None:
            raise RateLimitedError(
                f"{self.host} takes one request in {self._interval_s:g} s, or asked to be left alone, "
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
            # Before anything is kept, journalled or said of it.
            return replace(answer, body=ask.hide(answer.body))
        except SourceUnavailableError as error:
            # A connection error by its class, and final: too large, or redirected where nobody may go.
            raise SourceUnavailableError(ask.hide(str(error).encode()).decode()) from None
        except TimeoutError:
            question = clock.question
            over = question is not None and question.left() <= 0
            own = f"{self.host} gave no whole answer within {self._settings.deadline_s:g} s"
            raise SourceUnavailableError(out_of_time(self.host, question) if question and over else own) from None
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError) as error:
            raise TransientError(
                f"{self.host} cannot be reached ({type(error).__name__}{f': {error}' if str(error) else ''})"
            ) from None
        finally:
            note(ask, status, time.monotonic() - began, kept=False)

    async def _rate_limited(self, answer: Exchange) -> RateLimitedError:
        wanted = retry_after(answer)
        if wanted:
            await asyncio.to_thread(self._turn_book().leave_alone, self.place, wanted)
        asks = f" and wants to be left alone for {wanted:.0f} s" if wanted else ""
        return RateLimitedError(f"{self.host} says that it was asked too often (429){asks}", wanted)

    async def _pause(self, number: int, failure: SourceUnavailableError, clock: Deadline) -> None:
        wanted = failure.retry_after if isinstance(failure, RateLimitedError) else None
        pause = wanted if wanted is not None else FIRST_PAUSE_S * 2 ** (number - 1) * random.uniform(0.5, 1.5)
        if pause >= clock.left():
            raise _after(failure, number)
        await asyncio.sleep(pause)

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
                trust_env=not is_loopback(self.host),
            )
        return self._client


def note(ask: Ask, status: int | str, seconds: float, *, kept: bool) -> None:
    """Write a request into the log of the effect in hand."""
    if (log := REQUESTS.get()) is not None:
        took = round(seconds, 3)
        log.lines.append({"method": ask.method, "url": ask.address, "status": status, "seconds": took, "kept": kept})


def out_of_time(host: str, question: Question) -> str:
    """Return what is said of a question whose time is over."""
    return f"{host} gave no whole answer within the {question.seconds:.3g} s that the question may take in all"


class TransientError(Exception):
    """A try that failed in a way that the next one may not."""


def _parsed(host: str, answer: Exchange, parse: Callable[[bytes], T]) -> T:
    try:
        return parse(answer.body)
    except (ValueError, RecursionError) as error:
        raise TransientError(f"{host} answers with what is no answer of its kind ({error})") from None


def _after(failure: SourceUnavailableError, tries: int) -> SourceUnavailableError:
    """Return the last failure, saying how often it was tried."""
    message = f"{failure}; tried {tries} time{'s' if tries > 1 else ''}"
    if isinstance(failure, RateLimitedError):
        return RateLimitedError(message, failure.retry_after)
    return SourceUnavailableError(message)
