"""The contract of literature sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from peercycle.core.base import JSON
from peercycle.core.literature import Bibliography, Reference


class LiteratureSource(Protocol):
    """Where references come from. An outage is never an empty answer.

    Errors are typed: `SourceUnavailableError`, `RateLimitedError`, `PartialAnswerError` (all an `OutageError`: nothing is
    journalled, and the run waits or stops; the last holds what was told before the source broke off),
    `WorkNotFoundError` and `BadRequestError` (both a `LiteratureError`, an outcome).

    Unlike other components, a source is made anew for each run, so that it may hold the run's bibliography. One that
    asks the network says so by an attribute `online = True`: what it knows of a work then counts as a look outside.
    """

    capabilities: frozenset[Literal["search", "get", "expand", "recommend"]]

    async def add(self, bibliography: Bibliography) -> None:
        """Make a run's own bibliography findable, where the source can hold one; else do nothing."""
        ...

    async def search(
        self, query: str, *, limit: int = 20, filters: Mapping[str, JSON] | None = None
    ) -> tuple[Reference, ...]: ...

    async def get(self, ids: Sequence[str]) -> tuple[Reference | None, ...]:
        """Return one answer per id (`doi:…`, `arxiv:…`, `s2:…`), None where the source has no such work."""
        ...

    async def expand(
        self, work_id: str, direction: Literal["references", "citations"], *, limit: int = 100
    ) -> tuple[Reference, ...]: ...

    async def recommend(self, like: Sequence[str], *, limit: int = 20) -> tuple[Reference, ...]: ...
