"""One deadline for a whole question: pages, new tries and waits for a turn together; what was told by then is kept."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from peercycle.agents.literature.online import breaker, tries
from peercycle.agents.literature.online.asks import Ask, Manners
from peercycle.agents.literature.online.deadlines import QUESTION, within
from peercycle.agents.literature.online.settings import OnlineSettings
from peercycle.agents.literature.online.transport import Transport
from peercycle.agents.literature.semantic_scholar import SemanticScholar, SemanticScholarSettings
from peercycle.core.errors import PartialAnswerError, SourceUnavailableError
from peercycle.plugins.testing.web import Received, Reply, WebService

PAGE = 100


def page(received: Received) -> Reply:
    first = int(received.parameter("offset") or 0)
    works = [{"paperId": f"{i:040x}", "title": f"Work number {i}"} for i in range(first, first + PAGE)]
    return Reply.of({"total": 1000, "offset": first, "next": first + PAGE, "data": works})


def hanging_after(pages: int) -> Any:
    """Answer so many pages at once, and let the next ones trickle for ever."""

    def answer(received: Received) -> Reply:
        if int(received.parameter("offset") or 0) < pages * PAGE:
            return page(received)
        return Reply(200, b" " * 10_000, seconds_a_byte=0.05)

    return answer


def search(service: WebService, **settings: Any) -> tuple[Exception, float]:
    """Return the error that a search for 500 works ends with, and its seconds."""

    async def main() -> Exception:
        options = SemanticScholarSettings(url=service.url, **{"interval_s": 0, **settings})
        async with SemanticScholar(options) as source:
            with pytest.raises(SourceUnavailableError) as caught:
                await source.search("x", limit=500)
        return caught.value

    began = time.monotonic()
    return asyncio.run(main()), time.monotonic() - began


def test_a_search_of_several_pages_ends_with_the_question_and_keeps_what_was_told() -> None:
    with WebService(hanging_after(2)) as service:
        error, seconds = search(service, question_s=3.0, deadline_s=60.0)
        assert isinstance(error, PartialAnswerError) and [w.title for w in error.found] == [
            f"Work number {i}" for i in range(2 * PAGE)
        ]
        assert "first 200 works" in str(error) and "within the 3 s" in str(error)
        assert (len(service.received), seconds < 30) == (3, True)


def test_the_wait_for_a_turn_counts_and_one_that_comes_too_late_is_not_waited_for() -> None:
    with WebService(page) as service:
        error, seconds = search(service, question_s=60.0, interval_s=3600.0)
        assert isinstance(error, PartialAnswerError) and len(error.found) == PAGE
        assert (len(service.received), seconds < 30) == (1, True)


def test_many_questions_at_once_wait_for_their_turn_as_long_as_a_question_may_take() -> None:
    async def main(url: str) -> list[Any]:
        options = SemanticScholarSettings(url=url, interval_s=1.5, deadline_s=2.0, question_s=60.0)
        async with SemanticScholar(options) as source:
            return await asyncio.gather(*[source.search(f"x {i}", limit=1) for i in range(4)])

    with WebService(page) as service:
        assert [len(found) for found in asyncio.run(main(service.url))] == [1, 1, 1, 1]


def test_pauses_before_new_tries_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "FIRST_PAUSE_S", 100.0)
    with WebService([Reply(503)]) as service:
        error, seconds = search(service, question_s=20.0, deadline_s=3600.0)
        assert "503" in str(error) and not isinstance(error, PartialAnswerError)
        assert (len(service.received), seconds < 15) == (1, True)


def test_nothing_told_in_time_is_an_outage_that_says_nothing_of_the_host() -> None:
    with WebService(hanging_after(0)) as service:
        error, _ = search(service, question_s=1.0, deadline_s=60.0)
        assert type(error) is SourceUnavailableError and "within the 1 s that the question" in str(error)
    assert all(known.failures == 0 for known in breaker._BREAKERS.values())


def test_an_outage_on_a_later_page_is_a_part_too() -> None:
    def answer(received: Received) -> Reply:
        return page(received) if received.parameter("offset") in {None, "0"} else Reply(401)

    with WebService(answer) as service:
        error, _ = search(service)
    assert isinstance(error, PartialAnswerError) and len(error.found) == PAGE and "401" in str(error)


def test_who_waits_for_the_same_answer_waits_no_longer_than_its_own_question() -> None:
    async def main(service: WebService) -> float:
        async with Transport(OnlineSettings(interval_s=0, deadline_s=60), service.url, Manners(0)) as wire:
            ask = Ask("GET", f"{service.url}/x")
            first = asyncio.create_task(wire.fetch(ask, json.loads))
            await asyncio.sleep(0.2)
            began = time.monotonic()
            with within(0.5), pytest.raises(SourceUnavailableError, match=r"within the 0\.5 s"):
                await wire.fetch(ask, json.loads)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            return time.monotonic() - began

    with WebService([Reply(200, b" " * 10_000, seconds_a_byte=0.05)]) as service:
        assert asyncio.run(main(service)) < 30
        assert len(service.received) == 1


def test_a_span_inside_another_ends_with_the_earlier() -> None:
    with within(1.0), within(100.0):
        question = QUESTION.get()
        assert question is not None and question.seconds == 1.0
    assert QUESTION.get() is None
