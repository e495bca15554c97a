"""The package's client, made safe.

What it would do by itself (version 0.12): forget the key on references and citations, answer 401, 502 and 503 with
an empty result, take no notice of `Retry-After`, open a connection for each request, and hang a handler on the root
logger. All of it goes through one method of one object, which we replace; `tests/…/test_semantic_scholar_package.py`
fails where a new version moves it, and the bound on the version in `pyproject.toml` keeps such a version away.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from semanticscholar import AsyncSemanticScholar
from semanticscholar.ApiRequester import ApiRequester

from peercycle.agents.literature.online.asks import Ask
from peercycle.agents.literature.online.settings import Kind
from peercycle.agents.literature.online.transport import Transport
from peercycle.agents.literature.semantic_scholar.settings import api_key

FETCHED_AT: ContextVar[float] = ContextVar("peercycle_semantic_scholar_fetched_at", default=0.0)
"""When this task's latest answer was given by the service, UTC seconds: the package hands on the body alone."""


class Requester(ApiRequester):  # type: ignore[misc]
    """Sends what the package asks for over our transport."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(timeout=0, retry=False)
        self._transport = transport

    async def get_data_async(self, url: str, parameters: str, headers: Mapping[str, str], payload: Any = None) -> Any:
        """Return the parsed answer. Raises our own errors, and never answers an outage with nothing."""
        key = api_key()
        ask = Ask(
            method="POST" if payload else "GET",
            url=url,
            parameters=parameters.lstrip("&"),
            body=payload,
            kind=_kind(url),
            headers={"x-api-key": key} if key else {},
        )
        fetched = await self._transport.fetch(ask, _parse_batch if url.endswith("/batch") else _parse)
        FETCHED_AT.set(fetched.fetched_at)
        return fetched.value


class Client(AsyncSemanticScholar):  # type: ignore[misc]
    """The package's client over our requester."""

    def __init__(self, transport: Transport, base: str) -> None:
        # Silent also where nobody configured logging: the package warns of ids that are not found.
        logging.getLogger("semanticscholar").addHandler(logging.NullHandler())
        super().__init__(api_url=base, retry=False)
        self._requester = Requester(transport)

    @property
    def debug(self) -> bool:
        """Off: the package's own setter configures the root logger."""
        return False

    @debug.setter
    def debug(self, debug: bool) -> None:
        pass


def _kind(url: str) -> Kind:
    if "/recommendations/" in url:
        return "recommend"
    if url.endswith(("/citations", "/references")):
        return "graph"
    return "search" if "/search" in url else "work"


def _is_record(item: Any) -> bool:
    return isinstance(item, dict) and all(
        isinstance(item[side], dict) for side in ("citedPaper", "citingPaper") if side in item
    )


def _mended(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record without what the package breaks at: one bad author would cost the whole answer."""
    for work in (record, record.get("citedPaper"), record.get("citingPaper")):
        if isinstance(work, dict):
            authors, journal = work.get("authors"), work.get("journal")
            work["authors"] = [one for one in authors if isinstance(one, dict)] if isinstance(authors, list) else []
            work["journal"] = journal if isinstance(journal, dict) else None
    return record


def _parse_batch(body: bytes) -> list[Any]:
    """Return the records of a batch, one for each id asked for. Raises `ValueError`."""
    answer = json.loads(body)
    if not isinstance(answer, list):
        raise ValueError(f"no list: {str(answer)[:100]}")
    # The package drops works that are not known, and with them the order; an empty record keeps the place.
    return [_mended(item) if isinstance(item, dict) else {"paperId": ""} for item in answer]


def _parse(body: bytes) -> Any:
    """Return the JSON of an answer in the shape that the package can take. Raises `ValueError`."""
    answer = json.loads(body)
    if not isinstance(answer, dict):
        raise ValueError("not an object")
    if set(answer) <= {"error", "message", "code"} and answer:
        raise ValueError(f"an error in place of an answer: {str(answer)[:100]}")
    if "total" in answer:
        if answer.get("data") is None and not answer.get("offset") and answer["total"]:
            raise ValueError(f"it counts {str(answer['total'])[:20]} works and tells none")
        # A search that finds nothing has no data at all, which the package would ask for again and again.
        answer.setdefault("data", [])
    for name in ("data", "recommendedPapers"):
        if name in answer and answer[name] is None:
            answer[name] = []
        if not isinstance(answer.get(name, []), list):
            raise ValueError(f"its {name} are no list")
        if name in answer:
            answer[name] = [_mended(item) for item in answer[name] if _is_record(item)]
    return answer
