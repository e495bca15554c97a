"""Finding literature: queries, one step along the citation graph, abstracts, ranking, and a list of bounded length.

Only where a source is online. What is at hand is taken as it is found.

    found  = every query to every source, fused by rank
    seeds  = those that fit the topic best, of what was found and of the bibliography given
    wider  = what the seeds cite, and what cites them            (one step, so many works at most)
    get    = abstracts of the wider ones, all ids in one request
    list   = reciprocal rank over: the searches, BM25 to the topic, in-degree within the pool
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from peercycle.core.counting import counted
from peercycle.core.errors import LiteratureError
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.outlasting import together
from peercycle.core.ranking import fused, rank_works
from peercycle.core.sameness import Works, fuse
from peercycle.graphs import sources

if TYPE_CHECKING:
    from peercycle.graphs.context import DriverContext

FEWEST, WANTED, MOST = 20, 40, 60
"""How many works a list has: filled up to the first with works without an abstract, cut at the second; a
bibliography that was given may bring it to the third."""
ADDED_TO_A_FULL_LIST = 10
FOUND_A_QUERY = 20
SEEDS = 5
REFERENCES_A_SEED, CITATIONS_A_SEED = 60, 40
MOST_WIDER = 400
"""Works that one step along the graph may bring."""
MOST_IDS = 500


Direction = Literal["references", "citations"]


@dataclass(slots=True)
class Pool:
    """Works under consideration, and which of them cite which."""

    works: Works = field(default_factory=Works)
    cited: Counter[int] = field(default_factory=Counter)
    """In-degree within the pool."""

    def nearest(self, text: str) -> list[int]:
        """Return the places of the works that have to do with a text, the nearest first."""
        items = self.works.items()
        return [items[index][0] for index in rank_works(text, [work for _, work in items])]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to."""

    works: tuple[Reference, ...]
    """Ranked; those of the bibliography given are among them where they fit."""
    online: bool
    remark: str = ""


async def find(queries: Sequence[str], topic: str, known: Bibliography, ctx: DriverContext) -> Found:
    """Search, widen, rank."""
    rankings, online, outages = await search_all(queries, ctx)
    if outages and not known.entries and not any(rankings):
        raise LiteratureError(
            f"there is nothing to write from: no bibliography was given, and {'; '.join(outages)} "
            "(a resume goes on without these answers, too: begin a new run, with --on-outage wait:2h, or give a .bib)"
        )
    if not online:
        return Found(tuple(Works(work for ranking in rankings for work in ranking)), online=False)
    pool = Pool(Works(known.entries))
    searched = _places(fuse(rankings), pool)
    # In threads: some thousand works take a second, and other runs share the loop.
    await _widen(await asyncio.to_thread(_seeds, searched, topic, pool), pool, ctx)
    await _fetch_abstracts(pool, ctx)
    ranked = await asyncio.to_thread(rank_pool, topic, queries, searched, pool)
    remark = (
        f"{counted(len(searched), 'work')} found by {counted(len(queries), 'query', 'queries')}, "
        f"{len(pool.works.items())} with their neighbours"
    )
    return Found(tuple(pool.works.at(place) for place in ranked), online=True, remark=remark)


async def search_all(
    queries: Sequence[str], ctx: DriverContext
) -> tuple[list[tuple[Reference, ...]], bool, tuple[str, ...]]:
    """Search for every query at once.

    Return the answers in the order of the queries, whether one came from outside, and which sources did not answer.
    """
    said = await together(sources.search_each(ctx, query, FOUND_A_QUERY) for query in queries)
    await _say_refusals(said, ctx)
    rankings = [fuse([sources.works_of(one) for one in answer], FOUND_A_QUERY) for answer in said]
    all_said = [one for answer in said for one in answer]
    outages = {one.source: f"{one.source} did not answer: {one.outage}" for one in reversed(all_said) if one.outage}
    return rankings, any(one.online for one in all_said), tuple(outages.values())


async def _say_refusals(said: Sequence[Sequence[sources.Said]], ctx: DriverContext) -> None:
    """Say once of each source what it refused: where another answered, it would pass for one that found nothing."""
    refusals: dict[str, list[LiteratureError]] = {}
    for one in (one for answer in said for one in answer):
        if one.refusal is not None:
            refusals.setdefault(one.source, []).append(one.refusal)
    for source, errors in refusals.items():
        queries = counted(len(said), "query", "queries")
        await ctx.log(f"{source} refused {len(errors)} of {queries}, the first so: {errors[0]}", warning=True)


def choose(ranked: Sequence[Reference], known: Bibliography) -> list[Reference]:
    """Return which of the ranked works join the bibliography, in their order."""
    given = Works(known.entries)
    new = [work for work in ranked if given.find(work) is None and not work.retracted]
    room = max(min(WANTED, MOST - len(known.entries)), ADDED_TO_A_FULL_LIST)
    with_abstract = [work for work in new if work.abstract][:room]
    missing = FEWEST - len(with_abstract) - len(known.entries)
    others = [work for work in new if not work.abstract][: max(0, missing)]
    chosen = {id(work) for work in (*with_abstract, *others)}
    return [work for work in new if id(work) in chosen]


def rank_pool(topic: str, queries: Sequence[str], searched: Sequence[int], pool: Pool) -> list[int]:
    """Return places, the best first: rank in the searches, BM25 to topic and queries, in-degree within the pool.

    A work that no search found, that shares no word with the topic and that fewer than two works of the pool cite
    is left out.
    """
    near = pool.nearest(" ".join([topic, topic, *queries]))
    cited: Counter[int] = Counter()
    for place, number in pool.cited.items():
        cited[pool.works.now(place)] += number
    central = sorted((place for place in cited if cited[place] > 1), key=lambda place: (-cited[place], place))
    first = dict.fromkeys(pool.works.now(place) for place in searched)
    return fused([list(first), near, near, central])


def _seeds(searched: Sequence[int], topic: str, pool: Pool) -> list[int]:
    ranked = fused([list(dict.fromkeys(pool.works.now(place) for place in searched)), pool.nearest(topic)])
    return [place for place in ranked if id_of(pool.works.at(place)) is not None][:SEEDS]


async def _widen(seeds: Sequence[int], pool: Pool, ctx: DriverContext) -> None:
    """Add what the seeds cite and what cites them, and count who is cited."""
    asked: list[tuple[int, Direction, int]] = []
    for seed in seeds:
        asked.append((seed, "references", REFERENCES_A_SEED))
        asked.append((seed, "citations", CITATIONS_A_SEED))
    ids = {seed: id_of(pool.works.at(seed)) or "" for seed in seeds}
    answers = await together(_neighbours(ctx, ids[seed], d, limit) for seed, d, limit in asked)
    brought = 0
    for (seed, direction, _), answer in zip(asked, answers, strict=True):
        for work in answer:
            if pool.works.find(work) is None:
                if brought >= MOST_WIDER or id_of(work) is None:
                    continue
                brought += 1
            place = pool.works.add(work)
            pool.cited[place if direction == "references" else seed] += 1


async def _neighbours(ctx: DriverContext, identity: str, direction: Direction, limit: int) -> tuple[Reference, ...]:
    try:
        return await ctx.expand(identity, direction, limit=limit)
    except LiteratureError:
        # The graph does not know the work: it has no neighbours there.
        return ()


async def _fetch_abstracts(pool: Pool, ctx: DriverContext) -> None:
    """Ask for the records of works without an abstract: the graph often leaves it out, and a batch has it."""
    lacking = [identity for work in pool.works if not work.abstract and (identity := id_of(work))]
    for record in await ctx.get(lacking[:MOST_IDS]):
        if record is not None:
            pool.works.add(record)


def _places(works: Iterable[Reference], pool: Pool) -> list[int]:
    return list(dict.fromkeys(pool.works.add(work) for work in works))


def id_of(work: Reference) -> str | None:
    """Return the id under which online sources are most likely to know a work."""
    known = (scheme for scheme in ("s2", "doi", "arxiv", "acl", "corpus") if work.ids.get(scheme))
    return next((f"{scheme}:{work.ids[scheme]}" for scheme in known), None)
