"""What online sources of our own share: a transport that is opened at first use and left with the run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self
from urllib.parse import quote, urlencode

from peercycle.agents.literature.online.asks import Ask, Fetched, Manners
from peercycle.agents.literature.online.settings import Kind, OnlineSettings
from peercycle.agents.literature.online.transport import Transport
from peercycle.core.base import JSON
from peercycle.core.errors import BadRequestError, LiteratureError
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.sameness import normalised_id


class OnlineSource:
    """Base of a source over one service. One instance serves one run; enter it before use."""

    name: ClassVar[str]
    service: ClassVar[str]
    """The service's own address."""
    manners: ClassVar[Manners]
    filters: ClassVar[frozenset[str]] = frozenset({"year_from", "year_to"})
    capabilities: frozenset[Literal["search", "get", "expand", "recommend"]] = frozenset({"search", "get"})
    online = True

    def __init__(self, settings: OnlineSettings) -> None:
        self.settings = settings
        self.headers: dict[str, str] = {}
        """Sent with every question for JSON, beside what every source sends."""
        self._base = (settings.url or self.service).rstrip("/")
        self._transport: Transport | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._transport is not None:
            await self._transport.__aexit__(*exc)
        self._transport = None

    async def add(self, bibliography: Bibliography) -> None:
        """Do nothing: the service holds its own works."""

    async def expand(
        self, work_id: str, direction: Literal["references", "citations"], *, limit: int = 100
    ) -> tuple[Reference, ...]:
        """Refuse: not among the capabilities."""
        raise LiteratureError(f"{self.name} knows no {direction} of {work_id!r}; ask semantic-scholar")

    async def recommend(self, like: Sequence[str], *, limit: int = 20) -> tuple[Reference, ...]:
        """Refuse: not among the capabilities."""
        raise LiteratureError(f"{self.name} recommends nothing; ask semantic-scholar")

    def wire(self) -> Transport:
        """Return the transport."""
        if self._transport is None:
            self._transport = Transport(self.settings, self._base, self.manners)
        return self._transport

    async def fetch_json(
        self, path: str, parameters: Mapping[str, str], kind: Kind, *, secret: str = ""
    ) -> Fetched[dict[str, Any]]:
        """Return the JSON object at a path; `secret` are further parameters, which nothing records."""
        ask = Ask(
            "GET",
            f"{self._base}{path}",
            urlencode(parameters, quote_via=quote),
            kind=kind,
            headers=self.headers,
            secret_parameters=secret,
        )
        return await self.wire().fetch(ask, _object)

    def words_of(self, query: str) -> str:
        """Return a query with single blanks. Raises `BadRequestError` for an empty one."""
        words = " ".join(query.split())
        if not words:
            raise BadRequestError("the query is empty; give a few words")
        return words

    def years_of(self, given: Mapping[str, JSON] | None) -> tuple[str, str]:
        """Return the first and the last year wanted, empty where any will do. Raises for a filter not known."""
        wanted = dict(given or {})
        if unknown := sorted(set(wanted) - self.filters):
            raise BadRequestError(f"{self.name} has no filter {unknown}; it has {sorted(self.filters)}")
        low, high = wanted.get("year_from"), wanted.get("year_to")
        return "" if low is None else f"{int(str(low)):04d}", "" if high is None else f"{int(str(high)):04d}"


def ids_of_scheme(ids: Sequence[str], scheme: str) -> dict[str, str]:
    """Return the normalised values of those ids that are of a scheme, by id."""
    found: dict[str, str] = {}
    for identity in ids:
        given, _, value = identity.partition(":")
        name, _, plain = normalised_id(given.lower(), value).partition(":")
        if name == scheme and plain:
            found[identity] = plain
    return found


def _object(body: bytes) -> dict[str, Any]:
    answer = json.loads(body)
    if not isinstance(answer, dict):
        raise ValueError("not an object")
    return answer


def objects(value: Any) -> list[dict[str, Any]]:
    """Return those members of a list that are objects; none of what is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
