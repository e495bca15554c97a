"""Crossref, arXiv and OpenAlex over a real local server, with answers of the shapes that they give."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from peercycle.agents.literature.arxiv import Arxiv, ArxivSettings
from peercycle.agents.literature.crossref import Crossref, CrossrefSettings
from peercycle.agents.literature.online import text
from peercycle.agents.literature.openalex import OpenAlex, OpenAlexSettings
from peercycle.core.errors import BadRequestError, LiteratureError, SourceUnavailableError
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.sameness import deduplicate
from peercycle.plugins.testing import LiteratureContract
from peercycle.plugins.testing.web import Received, Reply, WebService

T = TypeVar("T")

# ------------------------------------------------------------------------------------------------ Crossref

GOOD: dict[str, Any] = {
    "DOI": "10.1234/Good.1",
    "type": "journal-article",
    "title": ["Costs &amp; <i>benefits</i> of H<sub>2</sub>O"],
    "author": [{"given": "Zoë", "family": "Núñez"}, {"name": "The Water Group"}],
    "issued": {"date-parts": [[2019, 5]]},
    "container-title": ["Journal of Water"],
    "abstract": "<jats:title>Abstract</jats:title> <jats:p>We weigh water.</jats:p>",
}
BAD: dict[str, Any] = {
    "DOI": "10.1234/bad",
    "type": "journal-article",
    "title": ["A finding that was taken back"],
    "author": [{"given": "Ana", "family": "Lima"}],
    "issued": {"date-parts": [[None]]},
    "updated-by": [{"type": "retraction", "DOI": "10.1234/notice"}],
}


def crossref(received: Received) -> Reply:
    items: list[Any] = [GOOD, BAD, {"title": []}, {"DOI": "10.1/x"}, None]
    if wanted := received.parameter("filter"):
        names = {part.removeprefix("doi:") for part in wanted.split(",")}
        items = [item for item in (GOOD, BAD) if item["DOI"].lower() in names]
    elif "zxqvj" in (received.parameter("query.bibliographic") or ""):
        items = []
    return Reply.of({"status": "ok", "message": {"items": items[: int(received.parameter("rows") or 20)]}})


def ask(kind: Any, settings: Any, question: Callable[[Any], Awaitable[T]]) -> T:
    async def main() -> T:
        async with kind(settings) as source:
            return await question(source)

    return asyncio.run(main())


def of_crossref(service: WebService, question: Callable[[Any], Awaitable[T]], **more: Any) -> T:
    return ask(Crossref, CrossrefSettings(url=service.url, interval_s=0, **more), question)


def test_crossref_reads_what_publishers_mark_up() -> None:
    with WebService(crossref) as service:
        good, bad = of_crossref(service, lambda source: source.search("water"))
    assert (good.title, good.authors, good.year) == (
        "Costs & benefits of H₂O", ("Zoë Núñez", "The Water Group"), 2019,
    )  # fmt: skip
    assert (good.venue, good.abstract, good.entry_type) == ("Journal of Water", "We weigh water.", "article")
    assert (good.ids, good.key, good.retracted) == ({"doi": "10.1234/good.1"}, "nunez2019costs", False)
    assert (bad.year, bad.retracted) == (None, True)


def test_crossref_answers_dois_in_batches_of_fifty_and_says_who_asks() -> None:
    ids = ["doi:10.1234/GOOD.1", "arxiv:2401.00001", *[f"doi:10.9/{n}" for n in range(99)], "doi:10.1234/bad"]
    with WebService(crossref) as service:
        found = of_crossref(service, lambda source: source.get(ids), mailto="me@example.org")
        assert len(service.received) == 3
        assert {r.headers["user-agent"] for r in service.received} == {"peercycle (mailto:me@example.org)"}
    assert [place for place, work in enumerate(found) if work is not None] == [0, 101]


def test_what_a_source_cannot_do_it_refuses() -> None:
    with WebService(crossref) as service:
        with pytest.raises(LiteratureError, match="knows no citations"):
            of_crossref(service, lambda source: source.expand("doi:10.1/x", "citations"))
        with pytest.raises(BadRequestError, match="no filter"):
            of_crossref(service, lambda source: source.search("x", filters={"colour": 1}))


class TestCrossrefContract(LiteratureContract):
    """The contract, over the local server."""

    queries = ("water", "findings")

    @pytest.fixture(autouse=True)
    def _service(self) -> Any:
        with WebService(crossref) as service:
            self.url = service.url
            yield

    def source(self) -> Crossref:
        """Return a source over the local server."""
        return Crossref(CrossrefSettings(url=self.url, interval_s=0))

    def source_in_an_outage(self) -> Crossref:
        """Return one that reaches nobody."""
        return Crossref(CrossrefSettings(url="http://127.0.0.1:9", interval_s=0, tries=1))


# --------------------------------------------------------------------------------------------------- arXiv

ENTRY = """<entry><id>http://arxiv.org/abs/{id}</id><published>2024-01-02T00:00:00Z</published>
<title>Preference
  learning &amp; more</title><summary>  We learn. </summary><author><name>Ana Lima</name></author>
<arxiv:doi xmlns:arxiv="http://arxiv.org/schemas/atom">{doi}</arxiv:doi></entry>"""
FEED = '<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom">{entries}</feed>'


def arxiv(received: Received) -> Reply:
    names = (received.parameter("id_list") or "2401.00001").split(",")
    entries = "".join(
        ENTRY.format(id=f"{name}v3", doi="10.48550/arXiv.2401.00001" if name == "2401.00001" else "10.5/P")
        for name in names
        if name != "2401.99999"
    )
    if "zxqvj" in (received.parameter("search_query") or ""):
        entries = ""
    return Reply(200, FEED.format(entries=entries).encode(), media_type="application/atom+xml")


def of_arxiv(service: WebService, question: Callable[[Any], Awaitable[T]]) -> T:
    return ask(Arxiv, ArxivSettings(url=service.url, interval_s=0, tries=1), question)


def test_arxiv_strips_versions_and_knows_its_own_dois() -> None:
    ids = ["arxiv:2401.00001v2", "doi:10.48550/arXiv.2401.00001", "arxiv:2401.99999", "arxiv:no id", "doi:10.5/p"]
    with WebService(arxiv) as service:
        found = of_arxiv(service, lambda source: source.get(ids))
        assert len(service.received) == 1
        assert service.received[0].parameter("id_list") == "2401.00001,2401.99999"
    assert [work and work.ids for work in found] == [{"arxiv": "2401.00001"}] * 2 + [None] * 3
    assert found[0].title == "Preference learning & more" and found[0].abstract == "We learn."


def test_a_query_to_arxiv_is_words_and_never_syntax() -> None:
    with WebService(arxiv) as service:
        of_arxiv(service, lambda source: source.search('ti:"x" ANDNOT (cat:*) the R&D'))
        assert service.received[0].parameter(
            "search_query"
        ) == "all:ti AND all:x AND all:andnot AND all:cat AND all:r" or (
            service.received[0].parameter("search_query")
            == "all:ti OR all:x OR all:andnot OR all:cat OR all:r OR all:d"
        )
        with pytest.raises(BadRequestError):
            of_arxiv(service, lambda source: source.search("?!"))


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><feed>&b;</feed>',
        b"<html/>", b"<feed", b"", b"{}", FEED.format(entries="<entry>").encode(),
    ],
)  # fmt: skip
def test_what_is_no_feed_is_an_outage(body: bytes) -> None:
    with WebService([Reply(200, body)]) as service, pytest.raises(SourceUnavailableError):
        of_arxiv(service, lambda source: source.search("x"))


def test_an_error_in_a_feed_is_a_bad_request() -> None:
    entry = "<entry><id>http://arxiv.org/api/errors#1</id><title>Error</title><summary>bad id</summary></entry>"
    with WebService([Reply(200, FEED.format(entries=entry).encode())]) as service:
        with pytest.raises(BadRequestError, match="bad id"):
            of_arxiv(service, lambda source: source.search("x"))


def test_arxiv_is_asked_once_in_three_seconds_on_one_connection() -> None:
    assert (Arxiv.manners.interval_s, Arxiv.manners.alone) == (3.0, True)


class TestArxivContract(LiteratureContract):
    """The contract, over the local server."""

    queries = ("preference learning", "learning")

    @pytest.fixture(autouse=True)
    def _service(self) -> Any:
        with WebService(arxiv) as service:
            self.url = service.url
            yield

    def source(self) -> Arxiv:
        """Return a source over the local server."""
        return Arxiv(ArxivSettings(url=self.url, interval_s=0))

    def source_in_an_outage(self) -> Arxiv:
        """Return one that reaches nobody."""
        return Arxiv(ArxivSettings(url="http://127.0.0.1:9", interval_s=0, tries=1))


# ------------------------------------------------------------------------------------------------ OpenAlex


def record(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"https://openalex.org/W{number}",
        "doi": f"https://doi.org/10.1/W{number}",
        "display_name": f"Work {number}",
        "publication_year": 2000 + number % 20,
        "authorships": [{"author": {"display_name": "Ana Lima"}}, {"author": None}, 5],
        "abstract_inverted_index": {"words": [1], "Two": [0], "here": [2], "x": "y"},
        "type": "article",
        "is_retracted": number == 2,
        **more,
    }


def openalex(received: Received) -> Reply:
    if received.parameter("api_key") != "k&y":
        return Reply.of({"error": "no key"}, 401)
    if received.path != "/works":
        return Reply.of(
            {"id": "https://openalex.org/W7", "referenced_works": [f"https://openalex.org/W{n}" for n in range(60)]}
        )
    wanted = received.parameter("filter") or ""
    size, page = int(received.parameter("per-page") or 25), int(received.parameter("page") or 1)
    if wanted.startswith("openalex:"):
        found = [record(int(name[1:])) for name in wanted.removeprefix("openalex:").split("|")]
    elif wanted.startswith("doi:"):
        found = [
            record(int(name.rpartition("w")[2])) for name in wanted.removeprefix("doi:").split("|") if "w" in name
        ]
    else:
        found = [] if "zxqvj" in (received.parameter("search") or "") else [record(n) for n in range(120)]
    return Reply.of({"results": found[size * (page - 1) : size * page] if len(found) > size else found})


def of_openalex(service: WebService, question: Callable[[Any], Awaitable[T]]) -> T:
    return ask(OpenAlex, OpenAlexSettings(url=service.url, interval_s=0, tries=1), question)


def test_without_its_key_openalex_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENALEX_API_KEY", raising=False)
    with WebService(openalex) as service:
        with pytest.raises(SourceUnavailableError, match="needs a key"):
            of_openalex(service, lambda source: source.search("x"))
        assert service.received == []


def test_openalex_reads_inverted_abstracts_retractions_and_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENALEX_API_KEY", "k&y")
    with WebService(openalex) as service:
        found = of_openalex(service, lambda source: source.search("x", limit=70))
        assert (len(found), len(service.received)) == (70, 2)
        assert (found[0].abstract, found[0].authors) == ("Two words here", ("Ana Lima",))
        assert [work.retracted for work in found[:4]] == [False, False, True, False]
        got = of_openalex(service, lambda source: source.get(["doi:10.1/w3", "doi:10.1/other", "s2:1"]))
        assert [work and work.ids for work in got] == [{"doi": "10.1/w3"}, None, None]
        assert len(of_openalex(service, lambda source: source.expand("doi:10.1/w7", "references", limit=55))) == 55
        assert len(of_openalex(service, lambda source: source.expand("doi:10.1/w7", "citations", limit=10))) == 10


def library(received: Received) -> Reply:
    """A service that holds a few works and looks: by the words of a title, by DOI, by what a work cites."""
    held = {n: record(n, display_name=title) for n, title in enumerate(TITLES)}
    if received.parameter("api_key") != "k&y":
        return Reply.of({"error": "no key"}, 401)
    if received.path != "/works":
        number = next((n for n in held if received.path.lower() == f"/works/doi:10.1/w{n}"), None)
        cited = [held[n]["id"] for n in held if n != number]
        return (
            Reply.of({}, 404) if number is None else Reply.of({"id": held[number]["id"], "referenced_works": cited})
        )
    kind, _, wanted = (received.parameter("filter") or "").partition(":")
    words = set((received.parameter("search") or "").lower().split())
    names = set(wanted.split("|"))
    found = {
        "openalex": [work for work in held.values() if work["id"].rpartition("/")[2] in names],
        "doi": [work for work in held.values() if work["doi"].partition("doi.org/")[2].lower() in names],
        "": [work for work in held.values() if words & set(work["display_name"].lower().split())],
    }[kind]
    return Reply.of({"results": found[: int(received.parameter("per-page") or 25)]})


TITLES = ("Ranking with language models", "Blocks of inverted indexes", "Language of rankings", "Cheap indexes")


class TestOpenAlexContract(LiteratureContract):
    """The contract, over the local server; the key goes with every request."""

    queries = ("ranking with language models", "inverted indexes")

    @pytest.fixture(autouse=True)
    def _service(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        monkeypatch.setenv("OPENALEX_API_KEY", "k&y")
        with WebService(library) as service:
            self.url = service.url
            yield

    def bibliography(self) -> Bibliography:
        """Return a work that the service knows, so that `get` and `expand` have something to find."""
        known = Reference(key="known", title=TITLES[1], authors=("Ana Lima",), ids={"doi": "10.1/w1"})
        return Bibliography(entries=(known,))

    def source(self) -> OpenAlex:
        """Return a source over the local server."""
        return OpenAlex(OpenAlexSettings(url=self.url, interval_s=0))

    def source_in_an_outage(self) -> OpenAlex:
        """Return one that reaches nobody."""
        return OpenAlex(OpenAlexSettings(url="http://127.0.0.1:9", interval_s=0, tries=1))

    def test_what_was_asked_for_is_what_was_found(self) -> None:
        """The service looks, so that the contract's answers are those to its questions."""
        said = {name: [work and work["title"] for work in works] for name, works in self._said().items()}
        assert said == {
            "search0": [TITLES[0], TITLES[2]],
            "search1": [TITLES[1], TITLES[3]],
            "limited": [TITLES[0]],
            "nonsense": [],
            "get": [TITLES[1], None],
            "expand": [TITLES[0], TITLES[2], TITLES[3]],
        }


# --------------------------------------------------------------------------------------------- all of them


def test_records_of_one_work_from_three_sources_are_one() -> None:
    with WebService(crossref) as service:
        (published, _) = of_crossref(service, lambda source: source.search("water"))
    twin = published.model_copy(
        update={"ids": {"s2": "a" * 40, "doi": "10.1234/GOOD.1"}, "abstract": "We weigh water, and more.", "key": "b"}
    )
    third = published.model_copy(update={"ids": {"arxiv": "1901.00001v2"}, "year": 2018, "abstract": None})
    (joined,) = deduplicate([published, twin, third])
    assert joined.ids == {"doi": "10.1234/good.1", "s2": "a" * 40, "arxiv": "1901.00001v2"}
    assert joined.abstract == "We weigh water, and more." and joined.key == published.key


HOSTILE: list[Any] = [None, 5, "x", [], [[]], {"a": 1}, {"title": 5}, "\u202e\x00evil", 10**400, True]


@pytest.mark.parametrize("value", HOSTILE, ids=[json.dumps(value)[:20] for value in HOSTILE])
def test_no_field_of_any_shape_breaks_a_record(value: Any) -> None:
    from peercycle.agents.literature.crossref import source as of_crossref_
    from peercycle.agents.literature.openalex import source as of_openalex_
    from peercycle.agents.literature.semantic_scholar import records

    for read, whole in (
        (of_crossref_.reference_of, GOOD),
        (of_openalex_.reference_of, record(1)),
        (records.reference_of, {"title": "T", "paperId": "a", **dict.fromkeys(records.FIELDS, "x")}),
    ):
        for name in whole:
            work = read({**whole, name: value}, 0.0)
            assert work is None or ("\u202e" not in work.title and "\x00" not in work.title)


MARKED_UP = (
    ("<i>Ca</i><sup>2+</sup> waves &amp; CO<sub>2</sub>", "Ca²⁺ waves & CO₂"),
    ("&lt;i&gt;E. coli&lt;/i&gt; at 10<sup>\N{MINUS SIGN}6</sup>, the 10<sup>th</sup>", "E. coli at 10⁻⁶, the 10th"),
    ('x <em class="a">y</em><br/>z &amp;#946;', "x y z β"),
    ("<mml:math><mml:msup><mml:mi>x</mml:mi><mml:mn>2</mml:mn></mml:msup></mml:math> growth", "x² growth"),
    ("a<b and c>d, p<0.05; if a<b>c", "a<b and c>d, p<0.05; if a<b>c"),
    ("The <video> element, vector<int>, AT&T, R&LT, Q&A;B", "The <video> element, vector<int>, AT&T, R&LT, Q&A;B"),
)


@pytest.mark.parametrize(("given", "seen"), MARKED_UP)
def test_markup_of_a_title_is_what_a_reader_sees_and_mathematics_stays(given: str, seen: str) -> None:
    from peercycle.agents.literature.bibtex import read, write
    from peercycle.agents.literature.openalex.source import reference_of as of_openalex_
    from peercycle.agents.literature.semantic_scholar.records import reference_of as of_scholar

    scholar = of_scholar({"title": given, "paperId": "a" * 40, "abstract": f"We see {given}"}, 0.0)
    alex = of_openalex_({**record(1), "display_name": given}, 0.0)
    assert scholar is not None and alex is not None
    assert (scholar.title, scholar.abstract, alex.title) == (seen, f"We see {seen}", seen)
    (again,) = read(write(Bibliography(entries=(scholar,)))).entries
    assert (again.title, again.abstract) == (seen, f"We see {seen}")


def test_text_of_a_service_is_one_line_of_what_a_reader_sees() -> None:
    assert text.one_line(" a\u202e\x00 b\n\tc\ufeff ") == "a b c"
    assert text.one_line("<b>x</b> &lt;i&gt;y&lt;/i&gt; 2 < 3", markup=True) == "x y 2 < 3"
    assert text.abstract_of("ABSTRACT We do.") == "We do."
    assert text.abstract_of("<jats:title>Abstract</jats:title><jats:p>We do.</jats:p>", markup=True) == "We do."
    assert [text.year_of(value) for value in ("1999", 1999, "99", True, 99999, None)] == [
        1999,
        1999,
        None,
        None,
        None,
        None,
    ]
