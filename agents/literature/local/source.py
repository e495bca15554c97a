"""`LiteratureSource` over the task's own works and the configured corpora."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from peercycle.agents.literature.local.cache import open_corpus
from peercycle.agents.literature.local.index import create, fill, lookup, query_terms, search
from peercycle.agents.literature.local.settings import LocalSettings
from peercycle.agents.literature.local.texts import TextSearch, is_text
from peercycle.core.base import JSON
from peercycle.core.errors import BadInputError, LiteratureError
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.ranking import Query
from peercycle.core.sameness import deduplicate, fuse, normalised_id

LONGEST_QUERY = 20_000
"""Characters of a query that are read."""


class LocalLiterature:
    """Searches without a network. One instance serves one run; SQLite works in one thread at a time."""

    capabilities: frozenset[Literal["search", "get", "expand", "recommend"]] = frozenset({"search", "get"})

    def __init__(self, settings: LocalSettings) -> None:
        self._settings = settings
        self._indexes: list[sqlite3.Connection] | None = None
        self._own: tuple[Reference, ...] = ()
        self._texts: list[TextSearch] | None = None
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> LocalLiterature:
        return self

    async def __aexit__(self, *exc: object) -> None:
        for connection in self._indexes or ():
            connection.close()
        self._indexes = self._texts = None

    async def add(self, bibliography: Bibliography) -> None:
        """Make the run's own works findable."""
        async with self._lock:
            self._own = (*self._own, *bibliography.entries)
            await self.__aexit__()

    async def search(
        self, query: str, *, limit: int = 20, filters: Mapping[str, JSON] | None = None
    ) -> tuple[Reference, ...]:
        """Return the works that match best; `filters` may hold `year_from` and `year_to`.

        Raises `BadInputError` for a query without a word, `LiteratureError` for an unknown filter.
        """
        wanted = dict(filters or {})
        if unknown := set(wanted) - {"year_from", "year_to"}:
            raise LiteratureError(f"the local source has no filter {sorted(unknown)}; it has year_from and year_to")
        terms = query_terms(query)
        if not terms:
            raise BadInputError(f"the query {query!r} holds no word to search for")
        # Filtered works are left out after ranking, so more than `limit` are ranked where there is a filter.
        depth = limit * 10 if wanted else limit
        async with self._lock:
            answers = await asyncio.to_thread(self._search_all, query, terms, depth)
        return tuple(work for work in fuse(answers) if _in_years(work, wanted))[:limit]

    async def get(self, ids: Sequence[str]) -> tuple[Reference | None, ...]:
        """Return one answer per id (`doi:…`, `arxiv:…`, `key:…`)."""
        async with self._lock:
            return await asyncio.to_thread(lambda: tuple(self._find(identity) for identity in ids))

    async def expand(
        self, work_id: str, direction: Literal["references", "citations"], *, limit: int = 100
    ) -> tuple[Reference, ...]:
        """Refuse: a bibliography holds no citation graph."""
        raise LiteratureError(f"the local source knows no {direction} of {work_id!r}; ask an online source")

    async def recommend(self, like: Sequence[str], *, limit: int = 20) -> tuple[Reference, ...]:
        """Refuse."""
        raise LiteratureError("the local source recommends nothing; search it instead")

    def _open(self) -> list[sqlite3.Connection]:
        if self._indexes is None:
            own = sqlite3.connect(":memory:", check_same_thread=False)
            create(own)
            fill(own, deduplicate(self._own))
            corpora = (open_corpus(Path(path), self._settings.cache) for path in self._settings.corpora)
            self._indexes = [own, *corpora]
        return self._indexes

    def _search_all(self, query: str, terms: Sequence[str], limit: int) -> list[list[Reference]]:
        indexes = self._open()
        asked = Query.of(query[:LONGEST_QUERY])
        if not is_text(asked):
            return [search(index, terms, limit, self._settings.title_weight) for index in indexes]
        if self._texts is None:
            self._texts = [TextSearch(index, self._settings.title_weight) for index in indexes]
        return [each.search(query[:LONGEST_QUERY], asked, limit) for each in self._texts]

    def _find(self, identity: str) -> Reference | None:
        scheme, _, value = identity.partition(":")
        name = identity if scheme == "key" else normalised_id(scheme, value)
        return next((work for index in self._open() if (work := lookup(index, name)) is not None), None)


def _in_years(work: Reference, filters: Mapping[str, JSON]) -> bool:
    low, high = filters.get("year_from"), filters.get("year_to")
    if low is None and high is None:
        return True
    if work.year is None:
        return False
    return (low is None or work.year >= int(str(low))) and (high is None or work.year <= int(str(high)))
