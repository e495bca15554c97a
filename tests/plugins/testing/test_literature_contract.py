"""The contract of literature sources, held to by sources broken on purpose."""

from __future__ import annotations

import random
import socket
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pytest

from peercycle.core.base import JSON
from peercycle.core.errors import OutageError
from peercycle.core.literature import Bibliography, Reference
from peercycle.plugins.testing import LiteratureContract, failures


class WordOverlap:
    """A good source: ranks by shared words, and can be down."""

    capabilities: frozenset[Literal["search", "get", "expand", "recommend"]] = frozenset({"search", "get"})

    def __init__(self, port: int | None = None) -> None:
        self.port = port
        self.works: tuple[Reference, ...] = ()

    async def add(self, bibliography: Bibliography) -> None:
        self.works = bibliography.entries

    def reach(self) -> None:
        if self.port is not None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError as error:
                raise OutageError(f"the source cannot be reached: {error}") from error

    async def search(
        self, query: str, *, limit: int = 20, filters: Mapping[str, JSON] | None = None
    ) -> tuple[Reference, ...]:
        self.reach()
        words = set(query.split())
        ranked = sorted(self.works, key=lambda work: -len(words & set(work.title.lower().split())))
        return tuple(work for work in ranked if words & set(work.title.lower().split()))[:limit]

    async def get(self, ids: Sequence[str]) -> tuple[Reference | None, ...]:
        known = {f"doi:{work.ids['doi']}": work for work in self.works}
        return tuple(known.get(wanted) for wanted in ids)

    async def expand(self, work_id: str, direction: str, *, limit: int = 100) -> tuple[Reference, ...]:
        return ()

    async def recommend(self, like: Sequence[str], *, limit: int = 20) -> tuple[Reference, ...]:
        return ()


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class TestGoodSource(LiteratureContract):
    def source(self) -> Any:
        return WordOverlap()

    def source_in_an_outage(self) -> Any:
        return WordOverlap(closed_port())


class EmptyOnOutage(WordOverlap):
    async def search(self, query: str, **options: Any) -> tuple[Reference, ...]:
        try:
            return await super().search(query, **options)
        except OutageError:
            return ()


class RaisesSomethingElse(WordOverlap):
    def reach(self) -> None:
        if self.port is not None:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()


class IgnoresTheLimit(WordOverlap):
    async def search(self, query: str, **options: Any) -> tuple[Reference, ...]:
        return await super().search(query, limit=20)


class GuessesWhenItKnowsNothing(WordOverlap):
    async def search(self, query: str, **options: Any) -> tuple[Reference, ...]:
        return await super().search(query, **options) or self.works[:1]


class SkipsUnknownIds(WordOverlap):
    async def get(self, ids: Sequence[str]) -> tuple[Reference | None, ...]:
        return tuple(work for work in await super().get(ids) if work is not None)


class FindsTwice(WordOverlap):
    async def search(self, query: str, *, limit: int = 20, **options: Any) -> tuple[Reference, ...]:
        return ((await super().search(query, limit=limit)) * 2)[:limit]


class FindsNothing(WordOverlap):
    async def add(self, bibliography: Bibliography) -> None:
        return None


class LosesTitles(WordOverlap):
    async def search(self, query: str, **options: Any) -> tuple[Reference, ...]:
        found = await super().search(query, **options)
        return tuple(work.model_copy(update={"title": ""}) for work in found)


class ShufflesItsAnswers(WordOverlap):
    async def search(self, query: str, **options: Any) -> tuple[Reference, ...]:
        found = list(await super().search(query, **options))
        noted = [work.model_copy(update={"venue": str(random.SystemRandom().random())}) for work in found]
        return tuple(noted)


class ClaimsTooMuch(WordOverlap):
    capabilities: Any = frozenset({"search", "summarise"})


class ReturnsAList(WordOverlap):
    async def search(self, query: str, **options: Any) -> Any:
        return list(await super().search(query, **options))


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (EmptyOnOutage, "test_an_outage_is_an_error_and_never_an_empty_answer"),
        (RaisesSomethingElse, "test_an_outage_is_an_error_and_never_an_empty_answer"),
        (IgnoresTheLimit, "test_a_search_finds_works_and_no_more_than_the_limit"),
        (FindsTwice, "test_a_search_finds_works_and_no_more_than_the_limit"),
        (FindsNothing, "test_a_search_finds_works_and_no_more_than_the_limit"),
        (GuessesWhenItKnowsNothing, "test_nothing_found_is_empty_and_no_guess"),
        (SkipsUnknownIds, "test_get_answers_one_by_one"),
        (LosesTitles, "test_works_have_a_key_a_title_and_a_provenance"),
        (ShufflesItsAnswers, "test_a_kill_and_a_resume_leave_what_an_undisturbed_play_leaves"),
        (ClaimsTooMuch, "test_it_says_what_it_can_do"),
        (ReturnsAList, "test_it_plays_to_the_end"),
    ],
)
def test_the_literature_contract_catches(broken: type[Any], check: str) -> None:
    class Held(LiteratureContract):
        def source(self) -> Any:
            return broken()

        def source_in_an_outage(self) -> Any:
            return broken(closed_port())

    assert check in failures(Held, only=check)
