"""`LiteratureSource` over Crossref's REST API. It needs no key; who says who they are is served first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from peercycle.agents.literature.online.asks import USER_AGENT, Manners
from peercycle.agents.literature.online.deadlines import a_question
from peercycle.agents.literature.online.keys import citation_key
from peercycle.agents.literature.online.settings import Kind, OnlineSettings
from peercycle.agents.literature.online.source import OnlineSource, ids_of_scheme, objects
from peercycle.agents.literature.online.text import abstract_of, moment, one_line, says_withdrawn, year_of
from peercycle.core.base import JSON
from peercycle.core.literature import Provenance, Reference
from peercycle.core.sameness import normalised_id

BATCH = 50
"""DOIs in one request: they stand in its address, which must not grow beyond a few thousand characters."""
MOST_FOUND = 1000

_TYPES = {
    "journal-article": "article",
    "proceedings-article": "inproceedings",
    "book": "book",
    "monograph": "book",
    "book-chapter": "incollection",
    "dissertation": "phdthesis",
    "report": "techreport",
}


class CrossrefSettings(OnlineSettings):
    """How Crossref is asked."""

    mailto: str | None = Field(default=None, pattern=r"^[^@\s]+@[^@\s]+$")
    """An address for Crossref to write to; requests that carry one are served from a pool of their own."""


class Crossref(OnlineSource):
    """Works by DOI, and search over their bibliographic data."""

    name = "crossref"
    service = "https://api.crossref.org"
    manners = Manners(interval_s=0.25)

    def __init__(self, settings: CrossrefSettings) -> None:
        super().__init__(settings)
        if settings.mailto:
            self.headers = {"user-agent": f"{USER_AGENT} (mailto:{settings.mailto})"}

    @a_question
    async def search(
        self, query: str, *, limit: int = 20, filters: Mapping[str, JSON] | None = None
    ) -> tuple[Reference, ...]:
        """Return the works that fit best; `filters` may hold `year_from` and `year_to`."""
        asked = {"query.bibliographic": self.words_of(query), "rows": str(min(limit, MOST_FOUND))}
        low, high = self.years_of(filters)
        dates = [f"from-pub-date:{low}"] * bool(low) + [f"until-pub-date:{high}"] * bool(high)
        if dates:
            asked["filter"] = ",".join(dates)
        found = await self._works(asked, "search")
        return tuple(found)[:limit]

    @a_question
    async def get(self, ids: Sequence[str]) -> tuple[Reference | None, ...]:
        """Return one answer per id; only DOIs are known here."""
        wanted = ids_of_scheme(ids, "doi")
        names = list(dict.fromkeys(wanted.values()))
        known: dict[str, Reference] = {}
        for start in range(0, len(names), BATCH):
            batch = names[start : start + BATCH]
            asked = {"filter": ",".join(f"doi:{name}" for name in batch), "rows": str(len(batch))}
            known |= {work.ids["doi"]: work for work in await self._works(asked, "work") if "doi" in work.ids}
        return tuple(known.get(wanted.get(identity, "")) for identity in ids)

    async def _works(self, parameters: Mapping[str, str], kind: Kind) -> list[Reference]:
        fetched = await self.fetch_json("/works", parameters, kind)
        message = fetched.value.get("message")
        items = objects(message.get("items")) if isinstance(message, dict) else []
        return [work for item in items if (work := reference_of(item, fetched.fetched_at)) is not None]


def reference_of(record: Mapping[str, Any], fetched_at: float) -> Reference | None:
    """Return a work, or None for a record without a title."""
    title = _first(record.get("title"))
    if not title:
        return None
    doi = one_line(record.get("DOI"))
    scheme, _, value = normalised_id("doi", doi).partition(":") if doi else ("", "", "")
    work = Reference(
        key="-",
        entry_type=_TYPES.get(str(record.get("type")), "misc"),
        title=title,
        authors=_authors(record.get("author")),
        year=_year(record.get("issued")),
        venue=_first(record.get("container-title")) or one_line(record.get("publisher"), markup=True) or None,
        abstract=abstract_of(record.get("abstract"), markup=True),
        url=f"https://doi.org/{doi}" if doi else None,
        ids={scheme: value} if doi else {},
        provenance=(Provenance(source=Crossref.name, fetched_at=moment(fetched_at)),),
        retracted=is_retracted(record, title),
    )
    return work.model_copy(update={"key": citation_key(work)})


def is_retracted(record: Mapping[str, Any], title: str) -> bool:
    """Whether a notice withdraws the work, or its title says so."""
    notices = {str(notice.get("type")).lower() for notice in objects(record.get("updated-by"))}
    withdrawn = {"retraction", "removal", "withdrawal"} & notices
    return bool(withdrawn) or says_withdrawn(title)


def _first(value: Any) -> str:
    return one_line(value[0], markup=True) if isinstance(value, list) and value else ""


def _authors(value: Any) -> tuple[str, ...]:
    names = [
        one_line(f"{one_line(a.get('given'))} {one_line(a.get('family'))}", markup=True)
        or one_line(a.get("name"), markup=True)
        for a in objects(value)
    ]
    return tuple(name for name in names if name)


def _year(value: Any) -> int | None:
    parts = value.get("date-parts") if isinstance(value, dict) else None
    first = parts[0] if isinstance(parts, list) and parts else None
    return year_of(first[0]) if isinstance(first, list) and first else None
