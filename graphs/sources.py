"""Asking the run's literature sources: each question to each source is one effect, and the answers become one.

What a source sent to the network is counted against the budget and kept in the journal beside its answer. A source
that is down ends or holds up the run as `on_outage` says; with `continue` the run goes on without its answer, which
is journalled as such, so that a resume and a replay go on without it, too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from peercycle.core.base import JSON
from peercycle.core.errors import LiteratureError, OutageError, PartialAnswerError, PeercycleError
from peercycle.core.literature import Reference
from peercycle.core.modelling import Usage
from peercycle.core.outlasting import together
from peercycle.core.requests import REQUESTS, RequestLog
from peercycle.core.sameness import fuse, merge
from peercycle.graphs.effects import Answer

if TYPE_CHECKING:
    from peercycle.core.contracts import LiteratureSource
    from peercycle.graphs.context import DriverContext

Capability = Literal["search", "get", "expand", "recommend"]
MOST_REQUESTS = 8
"""Requests that one question may send where requests are limited, new tries included."""
IDS_A_REQUEST = 50
"""A batch of ids is at least so large."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to every source that can answer it."""

    can: Capability
    request: Mapping[str, JSON]
    """What is asked, for the journal; with the source's name it is the effect's request."""
    ask: Callable[[LiteratureSource], Awaitable[Sequence[Reference | None]]]
    requests: int = MOST_REQUESTS


@dataclass(frozen=True, slots=True)
class Said:
    """What one source answered."""

    source: str
    works: tuple[Reference | None, ...]
    able: bool = True
    """Whether it can answer such questions at all."""
    online: bool = False
    outage: str | None = None
    refusal: LiteratureError | None = None


async def search(ctx: DriverContext, query: str, limit: int) -> tuple[Reference, ...]:
    """Search every source, and fuse what they find by rank."""
    return fuse([works_of(one) for one in await search_each(ctx, query, limit)], limit)


async def search_each(ctx: DriverContext, query: str, limit: int) -> list[Said]:
    """Search every source, and return what each says."""
    asked = Asked("search", {"query": query, "limit": limit}, lambda source: source.search(query, limit=limit))
    return await ask_all(ctx, asked)


async def get(ctx: DriverContext, ids: Sequence[str]) -> tuple[Reference | None, ...]:
    """Return one answer per id, joined of what the sources know."""
    return tuple(_joined([one.works for one in await ask_for(ctx, ids)], len(ids)))


async def ask_for(ctx: DriverContext, ids: Sequence[str]) -> list[Said]:
    """Return what each source says of these ids."""
    if not ids:
        return []
    listed: JSON = list(ids)
    requests = MOST_REQUESTS + len(ids) // IDS_A_REQUEST
    return await ask_all(ctx, Asked("get", {"ask": "get", "ids": listed}, lambda s: s.get(tuple(ids)), requests))


async def expand(
    ctx: DriverContext, work_id: str, direction: Literal["references", "citations"], limit: int
) -> tuple[Reference, ...]:
    """Return what a work cites, or what cites it."""
    request: dict[str, JSON] = {"ask": "expand", "id": work_id, "direction": direction, "limit": limit}
    said = await ask_all(ctx, Asked("expand", request, lambda s: s.expand(work_id, direction, limit=limit)))
    return fuse([works_of(one) for one in said], limit)


async def recommend(ctx: DriverContext, like: Sequence[str], limit: int) -> tuple[Reference, ...]:
    """Return works like these."""
    listed: JSON = list(like)
    request: dict[str, JSON] = {"ask": "recommend", "like": listed, "limit": limit}
    said = await ask_all(ctx, Asked("recommend", request, lambda s: s.recommend(tuple(like), limit=limit)))
    return fuse([works_of(one) for one in said], limit)


async def ask_all(ctx: DriverContext, asked: Asked) -> list[Said]:
    """Put a question to every source at once. Where all that can answer refuse it, the first refusal is raised."""
    # Asked in the order of the options: the effects' keys do not depend on who answers first.
    said = await together(_put(ctx, name, asked) for name in ctx.options.literature)
    able = [one for one in said if one.able]
    refusals = [one.refusal for one in able if one.refusal is not None]
    if refusals and len(refusals) == len(able):
        raise refusals[0]
    return said


async def _put(ctx: DriverContext, name: str, asked: Asked) -> Said:
    request: JSON = {"source": name, **asked.request}
    key = ctx.effects.key("search" if asked.can == "search" else "literature", request)
    most = _most_requests(ctx, name, asked)
    limited = ctx.options.budget.requests is not None

    async def answer() -> Answer:
        log = RequestLog(allowed=most if limited else None)
        token = REQUESTS.set(log)
        try:
            told = await _answer(ctx, name, asked, log)
        except PeercycleError as error:
            error.requests_sent = log.sent
            raise
        finally:
            REQUESTS.reset(token)
        return told, Usage(requests=log.sent)

    try:
        async with ctx.run.asking if limited and most else nullcontext():
            outcome = await ctx.effects.perform(key, request, Usage(requests=most), answer)
    except LiteratureError as refusal:
        return Said(name, (), refusal=refusal)
    said = _read(name, outcome.result)
    if said.outage is not None:
        await ctx.emit("outage_passed_over", f"{name} did not answer, and the run goes on without: {said.outage}")
    return said


def _most_requests(ctx: DriverContext, name: str, asked: Asked) -> int:
    """Return how many requests a source may send for a question: none where it is at hand, or cannot answer."""
    if ctx.run.offline:
        # The journal answers; no source is made only to be looked at.
        return 0
    try:
        source = ctx.run.unopened_source(name)
        return asked.requests if _is_online(source) and asked.can in source.capabilities else 0
    except (PeercycleError, AttributeError):
        # Nothing is known before it is opened. One that cannot even be made fails again as it is asked, where that is
        # journalled or waited through.
        return asked.requests


async def _answer(ctx: DriverContext, name: str, asked: Asked, log: RequestLog) -> JSON:
    online, outage = False, None
    try:
        online = _is_online(ctx.run.unopened_source(name))
        source = await ctx.run.literature(name)
        online = _is_online(source)
        if asked.can not in source.capabilities:
            return {"works": [], "able": False, "online": online}
        found = await asked.ask(source)
    except OutageError as error:
        if ctx.options.on_outage != "continue":
            raise
        found = error.found if isinstance(error, PartialAnswerError) else ()
        outage = str(error)
    works: list[JSON] = [None if work is None else work.model_dump(mode="json") for work in found]
    if asked.can == "search" and not online and outage is None:
        # What a source at hand finds is journalled as it always was.
        return works
    told: dict[str, JSON] = {"works": works, "online": online, "requests": log.lines}
    return told if outage is None else {**told, "outage": outage}


def _is_online(source: LiteratureSource) -> bool:
    return bool(getattr(source, "online", False))


def _read(name: str, told: Any) -> Said:
    """Return a journalled answer; a list is one of a source at hand."""
    held: Mapping[str, Any] = {"works": told} if isinstance(told, list) else told
    works = tuple(None if work is None else Reference.model_validate(work) for work in held["works"])
    return Said(name, works, held.get("able", True), held.get("online", False), held.get("outage"))


def works_of(said: Said) -> tuple[Reference, ...]:
    """Return the works of an answer."""
    return tuple(work for work in said.works if work is not None)


def _joined(answers: Sequence[Sequence[Reference | None]], number: int) -> list[Reference | None]:
    found: list[Reference | None] = [None] * number
    for answer in answers:
        for index, work in enumerate(answer[:number]):
            if work is not None:
                known = found[index]
                found[index] = work if known is None else merge(known, work)
    return found
