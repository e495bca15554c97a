"""A service that misbehaves in every way we know of: what the caller sees, how often it was asked, how long it took."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

import pytest

from peercycle.agents.literature.online import tries
from peercycle.agents.literature.online.asks import Ask, Manners
from peercycle.agents.literature.online.settings import Kind, OnlineSettings
from peercycle.agents.literature.online.transport import Transport
from peercycle.core.errors import (
    BadRequestError,
    PeercycleError,
    RateLimitedError,
    SourceUnavailableError,
    WorkNotFoundError,
)
from peercycle.plugins.testing.web import Reply, WebService

GOOD = Reply.of({"data": [1, 2]})
DEADLINE_S = 20.0


@dataclass
class Seen:
    """What one request came to."""

    value: Any
    error: PeercycleError | None
    requests: int
    seconds: float


def asked(
    *replies: Reply, path: str = "/x", times: int = 1, body: Any = None, kind: Kind = "work", **settings: Any
) -> Seen:
    """Ask a service that gives these replies in turn, the last one for ever; `times` in a row."""

    async def main(service: WebService) -> Seen:
        options = OnlineSettings.model_validate({"interval_s": 0, "deadline_s": DEADLINE_S, **settings})
        value, error, began = None, None, time.monotonic()
        async with Transport(options, service.url, Manners(0)) as transport:
            for _ in range(times):
                ask = Ask("POST" if body else "GET", f"{service.url}{path}", "q=a", body, kind)
                try:
                    value, error = (await transport.fetch(ask, json.loads)).value, None
                except PeercycleError as problem:
                    value, error = None, problem
        return Seen(value, error, len(service.received), time.monotonic() - began)

    with WebService(list(replies)) as service:
        return asyncio.run(main(service))


ROWS: dict[str, tuple[Reply, type[PeercycleError], int, str]] = {
    "429 for ever, without Retry-After": (Reply(429), RateLimitedError, 4, "asked too often"),
    "429 that asks for an hour": (Reply(429, headers={"Retry-After": "3600"}), RateLimitedError, 1, "3600 s"),
    "500 without JSON": (Reply(500, b"<h1>Oops</h1>", media_type="text/html"), SourceUnavailableError, 4, "Oops"),
    "502": (Reply(502), SourceUnavailableError, 4, "502"),
    "503": (Reply.of({"message": "maintenance"}, 503), SourceUnavailableError, 4, "maintenance"),
    "504": (Reply(504), SourceUnavailableError, 4, "504"),
    "403": (Reply.of({"message": "Forbidden"}, 403), SourceUnavailableError, 4, "is the key right?"),
    "401": (Reply(401), SourceUnavailableError, 1, "is the key right?"),
    "404": (Reply.of({"error": "Paper with id 0 not found"}, 404), WorkNotFoundError, 1, "id 0 not found"),
    "400": (Reply.of({"error": "Unrecognized fields"}, 400), BadRequestError, 1, "Unrecognized fields"),
    "418": (Reply(418), BadRequestError, 1, "418"),
    "204": (Reply(204, b""), SourceUnavailableError, 1, "204"),
    "an HTML page as an answer": (
        Reply(200, b"<html>Sign in</html>", media_type="text/html"), SourceUnavailableError, 4, "no answer of its kind",
    ),
    "JSON that breaks off": (Reply(200, b'{"data": [{"paperId"'), SourceUnavailableError, 4, "no answer of its kind"),
    "a body that breaks off": (Reply(200, b'{"data": [', truncated=True), SourceUnavailableError, 4, "cannot be reached"),
    "a connection that is reset": (Reply(reset=True), SourceUnavailableError, 4, "cannot be reached"),
    "a redirect to this network": (
        Reply(302, headers={"Location": "http://10.0.0.7/admin"}), SourceUnavailableError, 1,
        "redirects to 'http://10.0.0.7/admin', whose address 10.0.0.7 is one of a private network; refused: ",
    ),
    "a redirect to this machine": (
        Reply(302, headers={"Location": "http://[::1]:80/"}), SourceUnavailableError, 1,
        "whose address ::1 is this machine's own; refused: a redirect is followed only to public web addresses",
    ),
    "a redirect to the cloud's own data": (
        Reply(307, headers={"Location": "//169.254.169.254/latest"}), SourceUnavailableError, 1,
        "whose address 169.254.169.254 is one of the local link",
    ),
    "a redirect to a file": (
        Reply(301, headers={"Location": "file:///etc/passwd"}), SourceUnavailableError, 1,
        "127.0.0.1 redirects to 'file:///etc/passwd', which is a local file; refused: ",
    ),
    "a redirect to half an address": (
        Reply(302, headers={"Location": "http://[x"}), SourceUnavailableError, 1,
        "127.0.0.1 redirects to 'http://[x', which is no address; refused: ",
    ),
    "a redirect to half of one at the same scheme": (
        Reply(302, headers={"Location": "//["}), SourceUnavailableError, 1, "redirects to '//[', which is no address",
    ),
    "a redirect to a scheme without end": (
        Reply(302, headers={"Location": "x" * 800 + "://y/"}), SourceUnavailableError, 1,
        f"which is an address of the kind '{'x' * 20}'; refused: ",
    ),
    "50 MB": (Reply(200, b" " * 50_000_000), SourceUnavailableError, 1, "more than 16777216 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_the_caller_sees_a_typed_error_after_few_requests(row: str) -> None:
    reply, kind, requests, said = ROWS[row]
    seen = asked(reply)
    assert type(seen.error) is kind, seen.error
    assert said in str(seen.error) and "\n" not in str(seen.error)
    assert seen.requests == requests
    pauses = sum(0.5 * tries.FIRST_PAUSE_S * 2**number for number in range(requests - 1))
    assert pauses <= seen.seconds < DEADLINE_S


def test_between_four_tries_lie_three_to_eleven_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "FIRST_PAUSE_S", 1.0)
    seen = asked(Reply(503))
    assert seen.requests == 4
    # Half to one and a half of 1 + 2 + 4 s, and what a busy machine takes to answer four times.
    assert 3.5 <= seen.seconds < 10.5 + 5


def test_a_search_that_is_not_there_is_an_outage_and_is_not_kept() -> None:
    seen = asked(Reply(404, b"no such page"), times=2, kind="search")
    assert type(seen.error) is SourceUnavailableError, seen.error
    assert "no such page" in str(seen.error) and "is its address right?" in str(seen.error)
    assert seen.requests == 2


def test_a_burst_of_failures_is_outlived() -> None:
    seen = asked(Reply(503), Reply(reset=True), Reply(200, b"{"), GOOD)
    assert (seen.value, seen.error, seen.requests) == ({"data": [1, 2]}, None, 4)


@pytest.mark.parametrize("date", [False, True])
def test_a_service_is_left_alone_for_as_long_as_it_asks(date: bool) -> None:
    wanted = formatdate(time.time() + 2, usegmt=True) if date else "1"
    seen = asked(Reply(429, headers={"Retry-After": wanted}), GOOD)
    assert (seen.error, seen.requests) == (None, 2)
    assert seen.seconds >= (0.9 if not date else 0.5)


def test_retry_after_is_no_order_to_wait_for_ever() -> None:
    for nonsense in ("-5", "soon", "1e9", "", "9" * 400):
        seen = asked(Reply(429, headers={"Retry-After": nonsense}), GOOD)
        assert seen.requests == 2 and seen.error is None, nonsense


def test_slow_bytes_end_with_the_deadline() -> None:
    seen = asked(Reply(200, b" " * 10_000, seconds_a_byte=0.05), deadline_s=1.0)
    assert isinstance(seen.error, SourceUnavailableError) and "within 1 s" in str(seen.error)
    assert seen.requests == 1


def test_a_redirect_at_the_source_itself_is_followed() -> None:
    seen = asked(Reply(301, headers={"Location": "/y"}), GOOD)
    assert (seen.value, seen.requests) == ({"data": [1, 2]}, 2)
    loop = asked(Reply(302, headers={"Location": "/again"}))
    assert "more than 3 times" in str(loop.error) and loop.requests == 4


def test_a_redirected_post_does_not_become_a_get() -> None:
    seen = asked(Reply(302, headers={"Location": "/y"}), GOOD, body={"ids": ["a"]})
    assert "redirects a POST" in str(seen.error) and seen.requests == 1


def test_after_three_requests_given_up_nobody_is_asked_for_a_while() -> None:
    seen = asked(Reply(500), times=5, tries=1)
    assert seen.requests == 3
    assert "is not asked for" in str(seen.error)


def test_a_refusal_is_no_sign_of_ill_health() -> None:
    assert asked(Reply(400), times=5, tries=1, lifetimes={"refusal": 0}).requests == 5


def test_an_unreachable_service_is_unavailable() -> None:
    async def main() -> None:
        settings = OnlineSettings(interval_s=0)
        async with Transport(settings, "http://127.0.0.1:9", Manners(0)) as transport:
            await transport.fetch(Ask("GET", "http://127.0.0.1:9/x"), json.loads)

    with pytest.raises(SourceUnavailableError, match=r"cannot be reached .*tried 4 times"):
        asyncio.run(main())


def test_by_default_a_request_is_given_up_within_fifteen_seconds() -> None:
    assert OnlineSettings().deadline_s == 15
