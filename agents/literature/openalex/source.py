"""`LiteratureSource` over OpenAlex. It needs a key, which is free; without one the source is unavailable and says so."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

from peercycle.agents.literature.online.asks import Manners
from peercycle.agents.literature.online.deadlines import a_question
from peercycle.agents.literature.online.keys import citation_key
from peercycle.agents.literature.online.parts import in_part
from peercycle.agents.literature.online.settings import Kind, OnlineSettings
from peercycle.agents.literature.online.source import OnlineSource, ids_of_scheme, objects
from peercycle.agents.literature.online.text import abstract_of, moment, one_line, year_of
from peercycle.core.base import JSON
from peercycle.core.errors import SourceUnavailableError, WorkNotFoundError
from peercycle.core.literature import Provenance, Reference
from peercycle.core.sameness import normalised_id

KEY_VARIABLE = "OPENALEX_API_KEY"
PAGE = 50
"""Works a page; also the most values that a filter takes."""
LONGEST_ABSTRACT = 4000
"""Words."""
_FIELDS = (
    "id,doi,display_name,authorships,publication_year,primary_location,type,is_retracted,abstract_inverted_index"
)
_TYPES = {"article": "article", "book": "book", "book-chapter": "incollection", "dissertation": "phdthesis"}


class OpenAlexSettings(OnlineSettings):
    """How OpenAlex is asked."""


class OpenAlex(OnlineSource):
    """Works by DOI, search, references and citations."""

    name = "openalex"
    service = "https://api.openalex.org"
    manners = Manners(interval_s=0.1)
    capabilities: frozenset[Literal["search", "get", "expand", "recommend"]] = frozenset({"search", "get", "expand"})

    @a_question
    async def search(
        self, query: str, *, limit: int = 20, filters: Mapping[str, JSON] | None = None
    ) -> tuple[Reference, ...]:
        """Return the works that fit best; `filters` may hold `year_from` and `year_to`."""
        asked = {"search": self.words_of(query)}
        low, high = self.years_of(filters)
        if low or high:
            asked["filter"] = f"publication_year:{low}-{high}"
        return tuple(await self._pages(asked, limit, "search"))

    @a_question
    async def get(self, ids: Sequence[str]) -> tuple[Reference | None, ...]:
        """Return one answer per id; only DOIs are known here."""
        wanted = ids_of_scheme(ids, "doi")
        names = list(dict.fromkeys(wanted.values()))
        known: dict[str, Reference] = {}
        for start in range(0, len(names), PAGE):
            batch = names[start : start + PAGE]
            works = await self._pages({"filter": "doi:" + "|".join(batch)}, len(batch), "work")
            known |= {work.ids["doi"]: work for work in works if "doi" in work.ids}
        return tuple(known.get(wanted.get(identity, "")) for identity in ids)

    @a_question
    async def expand(
        self, work_id: str, direction: Literal["references", "citations"], *, limit: int = 100
    ) -> tuple[Reference, ...]:
        """Return what a work cites, or what cites it."""
        doi = next(iter(ids_of_scheme([work_id], "doi").values()), None)
        if doi is None:
            raise WorkNotFoundError(f"openalex has no works by {work_id!r}; give doi:…")
        path = f"/works/doi:{quote(doi, safe='/')}"
        fetched = await self._ask(path, {"select": "id,referenced_works"}, "graph")
        if direction == "citations":
            own = str(fetched.value.get("id") or "").rpartition("/")[2]
            return tuple(await self._pages({"filter": f"cites:{own}"}, limit, "graph"))
        listed = fetched.value.get("referenced_works")
        names = [str(name).rpartition("/")[2] for name in listed] if isinstance(listed, list) else []
        found: list[Reference] = []
        for start in range(0, min(len(names), limit), PAGE):
            batch = names[start : min(start + PAGE, limit)]
            with in_part(found):
                found += await self._pages({"filter": "openalex:" + "|".join(batch)}, len(batch), "graph")
        return tuple(found)

    async def _pages(self, parameters: Mapping[str, str], limit: int, kind: Kind) -> list[Reference]:
        found: list[Reference] = []
        for page in range(1, -(-limit // PAGE) + 1):
            size = str(min(PAGE, limit))
            asked = {**parameters, "select": _FIELDS, "per-page": size, "page": str(page)}
            with in_part(found):
                fetched = await self._ask("/works", asked, kind)
            records = objects(fetched.value.get("results"))
            found += [work for record in records if (work := reference_of(record, fetched.fetched_at)) is not None]
            if len(records) < min(PAGE, limit):
                break
        return found[:limit]

    async def _ask(self, path: str, parameters: Mapping[str, str], kind: Kind) -> Any:
        key = os.environ.get(KEY_VARIABLE, "").strip()
        if not key and self.settings.mode != "cache-only":
            raise SourceUnavailableError(f"openalex is unavailable: it needs a key (free), in {KEY_VARIABLE}")
        secret = f"api_key={quote(key, safe='')}"
        return await self.fetch_json(path, parameters, kind, secret=secret)


def reference_of(record: Mapping[str, Any], fetched_at: float) -> Reference | None:
    """Return a work, or None for a record without a title."""
    title = one_line(record.get("display_name"), markup=True)
    if not title:
        return None
    doi = one_line(record.get("doi"))
    scheme, _, value = normalised_id("doi", doi).partition(":") if doi else ("", "", "")
    place = record.get("primary_location")
    venue = place.get("source") if isinstance(place, dict) else None
    work = Reference(
        key="-",
        entry_type=_TYPES.get(str(record.get("type")), "misc"),
        title=title,
        authors=_authors(record.get("authorships")),
        year=year_of(record.get("publication_year")),
        venue=one_line(venue.get("display_name"), markup=True) or None if isinstance(venue, dict) else None,
        abstract=abstract_of(_in_order(record.get("abstract_inverted_index")), markup=True),
        url=f"https://doi.org/{normalised_id('doi', doi).partition(':')[2]}" if scheme == "doi" else None,
        ids={scheme: value} if doi else {},
        provenance=(Provenance(source=OpenAlex.name, fetched_at=moment(fetched_at)),),
        retracted=record.get("is_retracted") is True,
    )
    return work.model_copy(update={"key": citation_key(work)})


def _authors(value: Any) -> tuple[str, ...]:
    people = [item.get("author") for item in objects(value)]
    names = [one_line(person.get("display_name"), markup=True) for person in people if isinstance(person, dict)]
    return tuple(name for name in names if name)


def _in_order(index: Any) -> str:
    """Return the text of an inverted index: words with the places at which they stand."""
    if not isinstance(index, dict):
        return ""
    placed = [
        (place, str(word))
        for word, places in index.items()
        if isinstance(places, list)
        for place in places
        if isinstance(place, int)
    ]
    return " ".join(word for _, word in sorted(placed)[:LONGEST_ABSTRACT])
