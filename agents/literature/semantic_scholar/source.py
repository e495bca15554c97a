"""`LiteratureSource` over Semantic Scholar's graph: search, works by id, references and citations, recommendations."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import quote

from peercycle.agents.literature.online.asks import Manners
from peercycle.agents.literature.online.deadlines import a_question
from peercycle.agents.literature.online.parts import in_part
from peercycle.agents.literature.online.source import OnlineSource
from peercycle.agents.literature.semantic_scholar.records import FIELDS, NAME, reference_of
from peercycle.agents.literature.semantic_scholar.settings import SERVICE, SemanticScholarSettings
from peercycle.core.base import JSON
from peercycle.core.errors import BadRequestError, SourceUnavailableError, WorkNotFoundError
from peercycle.core.literature import Reference
from peercycle.core.sameness import normalised_id

if TYPE_CHECKING:
    from peercycle.agents.literature.semantic_scholar.client import Client

T = TypeVar("T")

INTERVAL_S = 1.0
"""A key may send one request a second, over all end points; without a key the pool is shared with the world."""
BATCH = 500
SEARCH_PAGE = 100
MOST_FOUND = 1000
"""The service ranks no further."""
GRAPH_PAGE = 1000
MOST_RECOMMENDED = 500

_SPELLED = {"doi": "DOI:", "arxiv": "ARXIV:", "acl": "ACL:", "corpus": "CorpusId:", "s2": ""}


class SemanticScholar(OnlineSource):
    """One instance serves one run. Enter it before use."""

    name = NAME
    service = SERVICE
    manners = Manners(interval_s=INTERVAL_S)
    filters = frozenset({"year_from", "year_to", "venue", "min_citations"})
    capabilities: frozenset[Literal["search", "get", "expand", "recommend"]] = frozenset(
        {"search", "get", "expand", "recommend"}
    )

    def __init__(self, settings: SemanticScholarSettings) -> None:
        super().__init__(settings)
        self._base = settings.base()
        self._made: Client | None = None

    async def __aexit__(self, *exc: object) -> None:
        await super().__aexit__(*exc)
        self._made = None

    @a_question
    async def search(
        self, query: str, *, limit: int = 20, filters: Mapping[str, JSON] | None = None
    ) -> tuple[Reference, ...]:
        """Return the works that fit best, no more than `limit`, in the service's order.

        `filters` may hold `year_from`, `year_to`, `venue` and `min_citations`.
        """
        # The package writes the query into the address as it is.
        words = quote(self.words_of(query), safe="")
        wanted = self._filters(filters or {})
        asked = self._client().search_paper(words, fields=list(FIELDS), limit=min(limit, SEARCH_PAGE), **wanted)
        return await _works(asked, min(limit, MOST_FOUND), None)

    @a_question
    async def get(self, ids: Sequence[str]) -> tuple[Reference | None, ...]:
        """Return one answer per id (`doi:…`, `arxiv:…`, `s2:…`, `acl:…`, `corpus:…`), 500 ids in one request."""
        spelled = {identity: _spelled(identity) for identity in ids}
        wanted = list(dict.fromkeys(name for name in spelled.values() if name))
        known: dict[str, Reference | None] = {}
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            try:
                papers: Any = await _understood(self._client().get_papers(batch, fields=list(FIELDS)))
            except WorkNotFoundError:
                papers = []
            except BadRequestError as error:
                # The service answers so where it knows none of a batch.
                if "no valid paper ids" not in str(error).lower():
                    raise
                papers = []
            known |= {name: _reference(paper.raw_data) for name, paper in zip(batch, papers, strict=False)}
        return tuple(known.get(spelled[identity] or "") for identity in ids)

    @a_question
    async def expand(
        self, work_id: str, direction: Literal["references", "citations"], *, limit: int = 100
    ) -> tuple[Reference, ...]:
        """Return what a work cites, or what cites it. Abstracts are often missing here, and come with `get`."""
        name = _spelled(work_id)
        if name is None:
            raise WorkNotFoundError(f"Semantic Scholar has no works by {work_id!r}; give doi:…, arxiv:… or s2:…")
        client = self._client()
        ask = client.get_paper_references if direction == "references" else client.get_paper_citations
        asked = ask(quote(name, safe=":/"), fields=list(FIELDS), limit=min(limit, GRAPH_PAGE))
        side = "citedPaper" if direction == "references" else "citingPaper"
        return await _works(asked, limit, side)

    @a_question
    async def recommend(self, like: Sequence[str], *, limit: int = 20) -> tuple[Reference, ...]:
        """Return works like those, the likest first."""
        names = [name for identity in like if (name := _spelled(identity))]
        if not names:
            raise BadRequestError("none of the works to recommend by has an id that Semantic Scholar knows")
        asked = self._client().get_recommended_papers_from_lists(
            names, [], fields=list(FIELDS), limit=min(limit, MOST_RECOMMENDED)
        )
        found = [_reference(paper.raw_data) for paper in await _understood(asked)]
        return tuple(work for work in found if work is not None)[:limit]

    def _client(self) -> Client:
        if self._made is None:
            from peercycle.agents.literature.semantic_scholar.client import Client

            self._made = Client(self.wire(), self._base)
        return self._made

    def _filters(self, given: Mapping[str, JSON]) -> dict[str, Any]:
        low, high = self.years_of(given)
        found: dict[str, Any] = {"year": f"{low}-{high}"} if low or high else {}
        if given.get("venue"):
            found["venue"] = [quote(str(given["venue"]), safe="")]
        if given.get("min_citations"):
            found["min_citation_count"] = int(str(given["min_citations"]))
        return found


async def _works(asked: Awaitable[Any], limit: int, side: str | None) -> tuple[Reference, ...]:
    """Return the works of the pages, up to `limit` records.

    The package's own limit is the size of a page, and its own iteration has no end where an answer leads nowhere.
    """
    from semanticscholar.SemanticScholarException import NoMorePagesException

    pages = await _understood(asked)
    found: list[Reference] = []
    read = following = 0
    while len(pages) > read:
        for item in pages.items[read:limit]:
            if (work := _reference(item.raw_data if side is None else item.raw_data.get(side))) is not None:
                found.append(work)
        read = len(pages)
        if read >= limit or not isinstance(pages.next, int) or pages.next <= following:
            break
        following = pages.next
        try:
            with in_part(found):
                await _understood(pages.async_next_page())
        except NoMorePagesException:
            break
    return tuple(found)


async def _understood(asked: Awaitable[T]) -> T:
    """Await the package; what it makes of a record in a shape that it does not know is an outage, and no crash."""
    try:
        return await asked
    except (TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
        raise SourceUnavailableError(
            f"Semantic Scholar answers in a shape that nobody knows ({type(error).__name__}: {error})"
        ) from error


def _reference(record: Any) -> Reference | None:
    from peercycle.agents.literature.semantic_scholar.client import FETCHED_AT

    return reference_of(record, FETCHED_AT.get())


def _spelled(identity: str) -> str | None:
    """Return an id as the service spells it, or None for a scheme that it does not know."""
    scheme, _, value = identity.partition(":")
    scheme, _, value = normalised_id(scheme.lower(), value).partition(":")
    return f"{_SPELLED[scheme]}{value}" if scheme in _SPELLED and value else None
