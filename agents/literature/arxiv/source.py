"""`LiteratureSource` over arXiv's query API: one request in three seconds, on one connection, as arXiv asks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from peercycle.agents.literature.arxiv.eprint import MOST_SENT_BYTES, Eprint, looks_like_one, read_eprint
from peercycle.agents.literature.online.asks import Ask, Manners
from peercycle.agents.literature.online.deadlines import a_question
from peercycle.agents.literature.online.keys import citation_key
from peercycle.agents.literature.online.settings import Kind, OnlineSettings
from peercycle.agents.literature.online.source import OnlineSource, ids_of_scheme
from peercycle.agents.literature.online.text import abstract_of, moment, one_line, year_of
from peercycle.core.base import JSON
from peercycle.core.errors import BadRequestError
from peercycle.core.literature import Provenance, Reference
from peercycle.core.sameness import normalised_id
from peercycle.core.stems import STOP_WORDS, words

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

BATCH = 100
MOST_FOUND = 300
MOST_WORDS = 10
ALL_WANTED = 5
"""Up to so many words a work must hold them all; of more, any will do, and the order tells."""
_ATOM = "{http://www.w3.org/2005/Atom}"
_OWN = "{http://arxiv.org/schemas/atom}"
_ID = re.compile(r"arxiv\.org/abs/(.+?)(?:v\d+)?$", re.IGNORECASE)
_WELL_FORMED_ID = re.compile(r"(\d{4}\.\d{4,5}|[a-z-]+(\.[a-z]{2})?/\d{7})", re.IGNORECASE)


class ArxivSettings(OnlineSettings):
    """How arXiv is asked."""


class Arxiv(OnlineSource):
    """Preprints by arXiv id, and search."""

    name = "arxiv"
    service = "https://export.arxiv.org"
    manners = Manners(interval_s=3.0, alone=True)

    @a_question
    async def search(
        self, query: str, *, limit: int = 20, filters: Mapping[str, JSON] | None = None
    ) -> tuple[Reference, ...]:
        """Return the preprints that fit best; `filters` may hold `year_from` and `year_to`."""
        expression = _expression(self.words_of(query))
        low, high = self.years_of(filters)
        if low or high:
            expression = f"({expression}) AND submittedDate:[{low or '1991'}01010000 TO {high or '2999'}12312359]"
        asked = {"search_query": expression, "start": "0", "max_results": str(min(limit, MOST_FOUND))}
        return tuple(await self._works({**asked, "sortBy": "relevance"}, "search"))[:limit]

    @a_question
    async def get(self, ids: Sequence[str]) -> tuple[Reference | None, ...]:
        """Return one answer per id; only arXiv ids, and arXiv's own DOIs, are known here."""
        wanted = {k: v for k, v in ids_of_scheme(ids, "arxiv").items() if _WELL_FORMED_ID.fullmatch(v)}
        names = list(dict.fromkeys(wanted.values()))
        known: dict[str, Reference] = {}
        for start in range(0, len(names), BATCH):
            batch = names[start : start + BATCH]
            asked = {"id_list": ",".join(batch), "max_results": str(len(batch))}
            known |= {work.ids["arxiv"]: work for work in await self._works(asked, "work")}
        return tuple(known.get(wanted.get(identity, "")) for identity in ids)

    @a_question
    async def eprint(self, paper: str) -> Eprint:
        """Return the source of a paper; `paper` is an arXiv id, with a version or without.

        Raises `BadRequestError` for what is no id, `WorkNotFoundError`, and `BadInputError` for a source that is
        damaged, hostile or too large.
        """
        name = re.sub(
            r"^(https?://(?:www\.)?arxiv\.org/(?:abs|pdf|e-print|src)/|arxiv:)", "", paper.strip(), flags=re.I
        )
        if not re.fullmatch(rf"{_WELL_FORMED_ID.pattern}(v\d{{1,3}})?", name, re.I):
            raise BadRequestError(f"{paper[:100]!r} is no arXiv id; give one such as 2101.00001 or hep-th/9901001v2")
        ask = Ask("GET", f"{self._base}/e-print/{name}", kind="eprint", most_bytes=MOST_SENT_BYTES)
        fetched = await self.wire().fetch(ask, looks_like_one)
        return await asyncio.to_thread(read_eprint, fetched.value, name.replace("/", "-"))

    async def _works(self, parameters: Mapping[str, str], kind: Kind) -> list[Reference]:
        ask = Ask("GET", f"{self._base}/api/query", urlencode(parameters, quote_via=quote), kind=kind)
        fetched = await self.wire().fetch(ask, _entries)
        return [work for entry in fetched.value if (work := reference_of(entry, fetched.fetched_at)) is not None]


def _expression(query: str) -> str:
    """Return a query as arXiv spells it: words only, so that nothing in it is syntax."""
    found = list(dict.fromkeys(words(query)))
    kept = [word for word in found if word not in STOP_WORDS] or found
    if not kept:
        raise BadRequestError(f"the query {query!r} holds no word to search for")
    joint = " AND " if len(kept) <= ALL_WANTED else " OR "
    return joint.join(f"all:{word}" for word in kept[:MOST_WORDS])


def _entries(body: bytes) -> list[Element]:
    """Return the entries of a feed. Raises `ValueError` for what is none."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        # Entities could make a small answer a huge one; a feed has none.
        raise ValueError("it declares a document type")
    from xml.etree import ElementTree

    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - no document type, and a bounded size
    except ElementTree.ParseError as error:
        raise ValueError(f"no XML: {error}") from None
    if root.tag != f"{_ATOM}feed":
        raise ValueError("no Atom feed")
    return root.findall(f"{_ATOM}entry")


def reference_of(entry: Element, fetched_at: float) -> Reference | None:
    """Return a preprint, or None for an entry without title or id. Raises `BadRequestError` for an error's entry."""
    address, title = _text(entry, f"{_ATOM}id"), _text(entry, f"{_ATOM}title")
    if "/api/errors" in address:
        raise BadRequestError(f"arXiv does not take this request: {_text(entry, f'{_ATOM}summary')[:200]}")
    found = _ID.search(address)
    if found is None or not title:
        return None
    ids: dict[str, str] = {}
    if doi := _text(entry, f"{_OWN}doi"):
        scheme, _, value = normalised_id("doi", doi).partition(":")
        ids[scheme] = value
    ids["arxiv"] = found[1].lower()
    work = Reference(
        key="-",
        title=title,
        authors=tuple(n for a in entry.findall(f"{_ATOM}author") if (n := _text(a, f"{_ATOM}name"))),
        year=year_of(_text(entry, f"{_ATOM}published")[:4]),
        venue=_text(entry, f"{_OWN}journal_ref") or None,
        abstract=abstract_of(_text(entry, f"{_ATOM}summary")),
        url=f"https://arxiv.org/abs/{ids['arxiv']}",
        ids=ids,
        provenance=(Provenance(source=Arxiv.name, fetched_at=moment(fetched_at)),),
        retracted=_is_withdrawn(entry),
    )
    return work.model_copy(update={"key": citation_key(work)})


def _is_withdrawn(entry: Element) -> bool:
    return bool(re.match(r"this (paper|article|submission) has been withdrawn", _text(entry, f"{_OWN}comment"), re.I))


def _text(entry: Element, name: str) -> str:
    return one_line(entry.findtext(name) or "")
