"""The contract of literature sources."""

from __future__ import annotations

from collections.abc import Callable
from operator import methodcaller
from typing import Any

import pytest

from peercycle.core.base import JSON
from peercycle.core.contracts import LiteratureSource
from peercycle.core.errors import OutageError
from peercycle.core.literature import Bibliography, Reference
from peercycle.plugins.testing import samples
from peercycle.plugins.testing.children import run_in_child
from peercycle.plugins.testing.context import Bench
from peercycle.plugins.testing.contract import ReplayContract, Take

_CAPABILITIES = frozenset({"search", "get", "expand", "recommend"})


class LiteratureContract(ReplayContract):
    """A source that was handed a bibliography, asked through the journal.

    class TestMine(LiteratureContract):
        def source(self):
            return Mine(MineSettings())

        def source_in_an_outage(self):
            return Mine(MineSettings(url="http://127.0.0.1:9"))
    """

    def source(self) -> LiteratureSource:
        """Return a fresh source."""
        raise NotImplementedError

    def source_in_an_outage(self) -> LiteratureSource | None:
        """Return one whose service cannot be reached; None where there is no service."""
        return None

    def bibliography(self) -> Bibliography:
        """Return what the source is handed with `add`."""
        return Bibliography(entries=samples.references())

    queries: tuple[str, ...] = ("ranking with language models", "inverted indexes")
    """What to search for: each is found."""
    nonsense: str = "zxqvj wkpfh"
    """What no work is about."""

    def subject(self) -> LiteratureSource:
        """Return a fresh source."""
        return self.source()

    async def play(self, take: Take, bench: Bench) -> JSON:
        """Use everything that the source says it can do, each request an effect."""
        said: dict[str, JSON] = {}
        for name, ask in _requests(self).items():
            source = await take()
            ctx = bench.context("related", candidate=name)

            async def call(source: LiteratureSource = source, ask: Any = ask) -> JSON:
                await source.add(self.bibliography())
                found = await ask(source)
                assert isinstance(found, tuple), f"it returned {type(found).__name__}, not a tuple"
                return [None if work is None else work.model_dump(mode="json") for work in found]

            said[name] = await ctx.effect("search", {"ask": name}, call)
        return said

    def test_it_says_what_it_can_do(self) -> None:
        """`capabilities` holds `search`, and no word that nobody knows."""
        capabilities = self.source().capabilities
        assert "search" in capabilities and capabilities <= _CAPABILITIES, f"it can {sorted(capabilities)}"

    def test_a_search_finds_works_and_no_more_than_the_limit(self) -> None:
        """Each query is answered, by at most as many works as were asked for, none twice."""
        said = self._said()
        for number, query in enumerate(self.queries):
            keys = [work["key"] for work in said[f"search{number}"]]
            assert keys, f"nothing was found for {query!r}"
            assert len(keys) == len(set(keys)), f"{query!r} finds one work twice: {keys}"
        assert len(said["limited"]) <= 1, "more works than the limit of 1"

    def test_works_have_a_key_a_title_and_a_provenance(self) -> None:
        """What is found can be cited, and says where it came from."""
        for name, works in self._said().items():
            for work in works:
                if work is not None:
                    assert work["key"] and work["title"], f"{name}: a work without key or title"

    def test_nothing_found_is_empty_and_no_guess(self) -> None:
        """A query that no work is about finds nothing."""
        assert self._said()["nonsense"] == []

    def test_get_answers_one_by_one(self) -> None:
        """One answer per id, None for an id that the source does not know."""
        if "get" in self.source().capabilities:
            found = self._said()["get"]
            assert len(found) == 2, f"two ids have {len(found)} answers"
            assert found[1] is None, "an id that does not exist has a work"

    def test_an_outage_is_an_error_and_never_an_empty_answer(self) -> None:
        """`OutageError`, so that the run waits or stops instead of going on without the literature."""
        source = self.source_in_an_outage()
        if source is None:
            pytest.skip("needs a service: override `source_in_an_outage` where there is one")

        async def search() -> JSON:
            try:
                return [work.key for work in await source.search(self.queries[0])]
            except OutageError:
                return "an outage"

        end = run_in_child(search, timeout_s=self.timeout_s)
        assert end.value == "an outage", f"an outage gave {end.value!r}, {end.error}"

    def _said(self) -> dict[str, list[Any]]:
        said = self.said()
        assert isinstance(said, dict)
        return {name: works for name, works in said.items() if isinstance(works, list)}


def _requests(contract: LiteratureContract) -> dict[str, Callable[[LiteratureSource], Any]]:
    """Return what is asked, by name."""
    found: dict[str, Callable[[LiteratureSource], Any]] = {
        f"search{number}": methodcaller("search", query, limit=5) for number, query in enumerate(contract.queries)
    }
    found["limited"] = methodcaller("search", contract.queries[0], limit=1)
    found["nonsense"] = methodcaller("search", contract.nonsense, limit=5)
    capabilities, known = contract.source().capabilities, _known_id(contract.bibliography().entries)
    if "get" in capabilities:
        found["get"] = methodcaller("get", [known, "doi:10.0000/no-such-work"])
    if "expand" in capabilities:
        found["expand"] = methodcaller("expand", known, "references", limit=3)
    if "recommend" in capabilities:
        found["recommend"] = methodcaller("recommend", [known], limit=3)
    return found


def _known_id(works: tuple[Reference, ...]) -> str:
    return next(f"{scheme}:{value}" for work in works for scheme, value in work.ids.items())
