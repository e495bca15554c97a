"""What was answered once is not asked again, in any process; a damaged file costs nothing but requests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from peercycle.agents.literature.online.asks import Ask, Manners
from peercycle.agents.literature.online.kept import FILE, Kept, KeptAnswers, key_of
from peercycle.agents.literature.online.settings import OnlineSettings
from peercycle.agents.literature.online.transport import Transport
from peercycle.core.errors import (
    BudgetExceededError,
    PeercycleError,
    SourceUnavailableError,
    StoreError,
    WorkNotFoundError,
)
from peercycle.core.requests import REQUESTS, RequestLog
from peercycle.plugins.testing.web import Reply, WebService


def fetch(service: WebService, *asks: Ask, **settings: Any) -> list[Any]:
    """Fetch all at once, over a transport of their own."""

    async def main() -> list[Any]:
        options = OnlineSettings.model_validate({"interval_s": 0, **settings})
        async with Transport(options, service.url, Manners(0)) as transport:
            return [one.value for one in await asyncio.gather(*[transport.fetch(ask, json.loads) for ask in asks])]

    return asyncio.run(main())


def counting() -> WebService:
    """Return a service that answers with the number of the request."""
    service = WebService(lambda _: Reply.of(len(service.received)))
    return service


def test_the_key_is_method_address_parameters_and_body() -> None:
    names = {
        key_of("GET", "http://a/x", "q=1", None),
        key_of("POST", "http://a/x", "q=1", None),
        key_of("GET", "http://a/y", "q=1", None),
        key_of("GET", "http://a/x", "q=2", None),
        key_of("GET", "http://a/x", "q=1", {"ids": []}),
    }
    assert len(names) == 5
    assert key_of("POST", "u", "", {"a": 1, "b": 2}) == key_of("POST", "u", "", {"b": 2, "a": 1})


def test_a_second_time_nothing_is_sent() -> None:
    with counting() as service:
        ask = Ask("GET", f"{service.url}/x", "q=a", headers={"x-api-key": "one"})
        assert fetch(service, ask) == [1]
        assert fetch(service, Ask("GET", f"{service.url}/x", "q=a", headers={"x-api-key": "two"})) == [1]
        assert len(service.received) == 1


def test_two_that_ask_the_same_at_once_send_one_request() -> None:
    with counting() as service:
        ask = Ask("GET", f"{service.url}/x", "q=a")
        assert fetch(service, *[ask] * 8) == [1] * 8


def test_each_kind_has_its_lifetime() -> None:
    with counting() as service:
        search, work = (Ask("GET", f"{service.url}/{kind}", kind=kind) for kind in ("search", "work"))
        assert fetch(service, search, lifetimes={"search": 0}) == [1]
        assert fetch(service, search, lifetimes={"search": 0}) == [2]
        assert fetch(service, work, lifetimes={"search": 0}) == fetch(service, work, lifetimes={"search": 0})


def test_the_modes_are_cached_cache_only_and_refresh() -> None:
    with counting() as service:
        ask = Ask("GET", f"{service.url}/x")
        with pytest.raises(SourceUnavailableError, match="cache-only"):
            fetch(service, ask, mode="cache-only")
        assert service.received == []
        assert [fetch(service, ask), fetch(service, ask, mode="refresh"), fetch(service, ask)] == [[1], [2], [2]]
        assert fetch(service, ask, mode="cache-only", lifetimes={"search": 0}) == [2]


def test_that_a_work_does_not_exist_is_kept_for_a_day() -> None:
    with WebService([Reply(404)]) as service:
        for _ in range(2):
            with pytest.raises(WorkNotFoundError):
                fetch(service, Ask("GET", f"{service.url}/x", kind="work"))
        assert len(service.received) == 1


def test_a_failure_is_not_kept() -> None:
    with WebService([Reply(503), Reply.of(1)]) as service:
        with pytest.raises(SourceUnavailableError):
            fetch(service, Ask("GET", f"{service.url}/x"), tries=1)
        assert fetch(service, Ask("GET", f"{service.url}/x"), tries=1) == [1]


def test_a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database at all" * 500)
    answers = KeptAnswers(tmp_path)
    assert answers.get("k") is None
    answers.put("k", host="h", kind="search", method="GET", url="u", kept=Kept(200, "t", b"body", 1.0))
    assert answers.get("k") == Kept(200, "t", b"body", 1.0)
    assert [row[:3] for row in answers.counts()] == [("h", "search", 1)]
    assert (answers.clear(), answers.get("k")) == (1, None)
    answers.close()


def test_a_damaged_file_that_another_process_put_aside_already_is_begun_anew(tmp_path: Path) -> None:
    class Slower(KeptAnswers):
        def _put_aside(self) -> None:
            (tmp_path / FILE).unlink()
            KeptAnswers._put_aside(self)

    (tmp_path / FILE).write_bytes(b"no database at all" * 500)
    assert Slower(tmp_path).get("k") is None
    assert [path.name for path in tmp_path.glob("*damaged*")] == []


def test_two_that_find_the_same_damage_share_the_file_that_is_begun_anew(tmp_path: Path) -> None:
    kept = Kept(200, "t", b"body", 1.0)

    class Second(KeptAnswers):
        def _anew(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
            first.put("k", host="h", kind="search", method="GET", url="u", kept=kept)
            return super()._anew(statement, values)

    (tmp_path / FILE).write_bytes(b"no database at all" * 500)
    first, second = KeptAnswers(tmp_path), Second(tmp_path)
    assert second.get("k") == kept, "the file that the first had begun anew was put aside"
    assert first.get("k") == kept
    assert len(list(tmp_path.glob("*damaged*"))) == 1
    first.close()
    second.close()


def test_no_key_is_in_the_cache_or_in_the_log(tmp_path: Path) -> None:
    async def main(url: str) -> RequestLog:
        log = RequestLog()
        REQUESTS.set(log)
        async with Transport(
            OnlineSettings(interval_s=0, cache=str(tmp_path / "kept")), url, Manners(0)
        ) as transport:
            ask = Ask("GET", f"{url}/x", "q=a", headers={"x-api-key": "s3cret"}, secret_parameters="api_key=s3cret")
            await transport.fetch(ask, json.loads)
        return log

    with counting() as service:
        log = asyncio.run(main(service.url))
        assert service.received[0].headers["x-api-key"] == service.received[0].parameter("api_key") == "s3cret"
    assert "s3cret" not in json.dumps(log.lines)
    for path in (tmp_path / "kept").iterdir():
        assert b"s3cret" not in path.read_bytes()


@pytest.mark.parametrize("status", [200, 302, 400, 401, 503])
def test_a_key_that_a_service_repeats_is_in_no_answer_message_or_cache(status: int, tmp_path: Path) -> None:
    async def main(url: str) -> str:
        async with Transport(
            OnlineSettings(interval_s=0, tries=1, cache=str(tmp_path)), url, Manners(0)
        ) as transport:
            ask = Ask("GET", f"{url}/x", headers={"x-api-key": "s3cret"}, secret_parameters="api_key=s3%2Fcrets")
            try:
                return str((await transport.fetch(ask, json.loads)).value)
            except PeercycleError as error:
                return str(error)

    body = {"error": "the key s3cret, and s3%2Fcrets, or s3/crets"}
    reply = Reply.of(body, status)
    if status == 302:
        reply = Reply(302, headers={"Location": "http://10.0.0.7/?key=s3cret&api_key=s3%2Fcrets"})
    with WebService([reply]) as service:
        said = asyncio.run(main(service.url))
    assert "[key]" in said and "crets" not in said and "s3cret" not in said
    with contextlib.closing(KeptAnswers(tmp_path)) as answers:
        kept = answers.get(key_of("GET", f"{service.url}/x", "", None))
        assert kept is None or b"s3" not in kept.body


def test_a_request_beyond_the_allowance_is_not_sent() -> None:
    async def main(url: str) -> RequestLog:
        log = RequestLog(allowed=2)
        REQUESTS.set(log)
        async with Transport(OnlineSettings(interval_s=0), url, Manners(0)) as transport:
            for number in range(2):
                await transport.fetch(Ask("GET", f"{url}/{number}"), json.loads)
            # What is kept costs nothing.
            await transport.fetch(Ask("GET", f"{url}/0"), json.loads)
            with pytest.raises(BudgetExceededError):
                await transport.fetch(Ask("GET", f"{url}/2"), json.loads)
        return log

    with counting() as service:
        log = asyncio.run(main(service.url))
        assert (log.sent, len(service.received)) == (2, 2)
    assert [line["kept"] for line in log.lines if isinstance(line, dict)] == [False, False, True]


def test_a_file_that_cannot_be_used_says_what_to_do(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / FILE)) as other:
        other.execute("CREATE TABLE answers (x)")
    with pytest.raises(StoreError, match=r"no such column.*; remove it, or set XDG_CACHE_HOME"):
        KeptAnswers(tmp_path).get("k")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with counting() as service, pytest.raises(StoreError, match="set XDG_CACHE_HOME"):
        fetch(service, Ask("GET", f"{service.url}/x"), cache=str(tmp_path / "file" / "below"))


def test_a_key_that_json_spells_as_escapes_is_hidden_and_other_bytes_stay() -> None:
    ask = Ask("GET", "http://127.0.0.1/x", headers={"x-api-key": "s3cret"})
    spelled = "".join(f"\\u{ord(letter):04x}" for letter in "s3cret").encode()
    assert ask.hide(b'{"error": "bad ' + spelled + b' \xff"}') == b'{"error": "bad [key] \xff"}'
