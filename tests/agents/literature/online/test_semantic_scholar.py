"""Semantic Scholar over a real local server: our own exchanges, and the recorded ones where they are at hand."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from unicodedata import normalize

import pytest

from peercycle.agents.literature import bibtex
from peercycle.agents.literature.semantic_scholar import SemanticScholar, SemanticScholarSettings
from peercycle.core.base import JSON
from peercycle.core.errors import BadRequestError, SourceUnavailableError, WorkNotFoundError
from peercycle.core.literature import Bibliography, Reference
from peercycle.plugins.testing import LiteratureContract
from peercycle.plugins.testing.web import Recordings, Reply, WebService

T = TypeVar("T")
EXCHANGES = Path(__file__).parent / "exchanges"
ODD = "R&D in C++ #1?"


def answers(folder: Path) -> Recordings:
    # The service takes a DOI with and without its prefix.
    return Recordings(folder, spelling=lambda name: name.casefold().replace("doi:", ""))


def ask(service: WebService, question: Callable[[SemanticScholar], Awaitable[T]], **settings: Any) -> T:
    async def main() -> T:
        options = SemanticScholarSettings(url=service.url, **{"interval_s": 0, "deadline_s": 30, **settings})
        async with SemanticScholar(options) as source:
            return await question(source)

    return asyncio.run(main())


def test_titles_and_names_of_every_kind_come_through_query_record_and_bibtex() -> None:
    with WebService(answers(EXCHANGES)) as service:
        found = ask(service, lambda source: source.search(ODD))
        assert service.received[0].parameter("query") == ODD
    assert [work.title for work in found] == [
        "R&D in C++: 100% of #1 costs", "大規模言語モデルの評価", "Preference learning without rewards",
    ]  # fmt: skip
    assert found[0].authors == ("Zoë Núñez-O’Brien", "Seán D'Arcy")
    assert found[0].ids == {"doi": "10.1234/abc_d#1", "corpus": "1", "s2": f"{1:040x}"}
    assert found[2].ids["arxiv"] == "2401.00001" and "doi" not in found[2].ids
    assert found[2].abstract == "We learn from pairs."
    assert [work.key for work in found[::2]] == ["nunezobrien2019r", "lima2024preference"]
    read = bibtex.read(bibtex.write(Bibliography(entries=found)))
    assert [(w.key, w.title, w.authors, w.year, w.venue) for w in read.entries] == [
        (w.key, w.title, w.authors, w.year, w.venue) for w in found
    ]
    assert not read.problems


def test_keys_are_usable_and_the_same_in_every_answer() -> None:
    with WebService(answers(EXCHANGES)) as service:
        first = ask(service, lambda source: source.search(ODD))
    assert all(key.isascii() and key.isalnum() for key in (work.key for work in first))
    assert first[1].key.startswith("w")


def test_what_was_found_compiles(tmp_path: Path) -> None:
    for program in ("bibtex", "pdflatex"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}: apt-get install texlive-latex-base texlive-latex-recommended")
    with WebService(answers(EXCHANGES)) as service:
        found = ask(service, lambda source: source.search(ODD))
    (tmp_path / "refs.bib").write_text(bibtex.write(Bibliography(entries=found)), encoding="ascii")
    cites = "".join(f"\\cite{{{work.key}}} " for work in found)
    page = f"\\documentclass{{article}}\\begin{{document}}{cites}\\bibliographystyle{{plain}}\\bibliography{{refs}}\\end{{document}}"
    (tmp_path / "paper.tex").write_text(page, encoding="ascii")
    latex = ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    for command in (latex, ["bibtex", "paper"], latex):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=100, check=False)
        assert done.returncode == 0, done.stdout.decode("latin-1")[-2000:]
    assert (tmp_path / "paper.bbl").read_text().count("\\bibitem") == len(found)


@pytest.mark.parametrize(("limit", "number", "requests"), [(5, 5, 1), (100, 100, 1), (150, 150, 2), (1000, 250, 3)])
def test_the_limit_is_a_limit(limit: int, number: int, requests: int) -> None:
    with WebService(answers(EXCHANGES)) as service:
        found = ask(service, lambda source: source.search("many", limit=limit))
        assert [len(found), len(service.received)] == [number, requests]
        assert [work.title for work in found] == [f"Work number {i}" for i in range(number)]


def test_fields_are_always_named_and_never_all() -> None:
    with WebService(answers(EXCHANGES)) as service:
        ask(service, use_everything)
        named = [received.parameter("fields") or "" for received in service.received]
    assert len(named) == 5
    assert all("title" in fields and "citations" not in fields for fields in named)


async def use_everything(source: SemanticScholar) -> None:
    await source.search(ODD)
    await source.get(["doi:10.1234/abc_d#1", "arxiv:2401.00001v3", "acl:P00-0000", "corpus:2"])
    await source.expand(f"s2:{3:040x}", "references")
    await source.expand("arxiv:2401.00001", "citations")
    await source.recommend(["arxiv:2401.00001"])


def test_the_key_is_on_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMANTIC_SCHOLAR_API_KEY", "s3cret")
    with WebService(answers(EXCHANGES)) as service:
        ask(service, use_everything)
        assert [received.headers.get("x-api-key") for received in service.received] == ["s3cret"] * 5


@pytest.mark.parametrize("key", ["cl\u00e9", "two\nlines"])
def test_a_key_that_no_header_can_carry_is_named_by_its_variable_and_not_shown(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEMANTIC_SCHOLAR_API_KEY", key)
    with WebService(answers(EXCHANGES)) as service:
        with pytest.raises(SourceUnavailableError, match=r"^SEMANTIC_SCHOLAR_API_KEY holds") as raised:
            ask(service, use_everything)
        assert service.received == [] and key.split("\n", maxsplit=1)[0] not in str(raised.value)


def test_without_a_key_none_is_sent() -> None:
    with WebService(answers(EXCHANGES)) as service:
        ask(service, use_everything)
        assert not any("x-api-key" in received.headers for received in service.received)


def test_one_answer_an_id_in_the_order_of_the_ids() -> None:
    ids = ["doi:10.1234/abc_d#1", "arxiv:2401.00001", "acl:P00-0000", "corpus:2", "pubmed:1", "DOI:10.1234/ABC_d#1"]
    with WebService(answers(EXCHANGES)) as service:
        found = ask(service, lambda source: source.get(ids))
        assert len(service.received) == 1
    assert [work and work.title[:6] for work in found] == ["R&D in", "Prefer", None, "大規模言語モ", None, "R&D in"]
    assert found[0] is not None and found[0].provenance[0].fetched_at is not None


def test_five_hundred_ids_are_one_request() -> None:
    def batch(received: Any) -> Reply:
        return Reply.of([{"paperId": name, "title": f"Work {name}"} for name in received.json()["ids"]])

    ids = [f"s2:{number:040x}" for number in range(501)]
    with WebService(batch) as service:
        found = ask(service, lambda source: source.get(ids[:500]))
        assert (len(found), len(service.received)) == (500, 1)
        assert all(work is not None and work.ids["s2"] == f"{n:040x}" for n, work in enumerate(found))
        ask(service, lambda source: source.get(ids))
        assert len(service.received) == 2, "of 501 ids 500 are known by now, as one answer"


def test_a_batch_of_unknown_works_is_none_and_not_an_error() -> None:
    with WebService(answers(EXCHANGES)) as service:
        assert ask(service, lambda source: source.get(["doi:10.0000/no-such-work"])) == (None,)
    with WebService([Reply.of({"error": "Unrecognized fields"}, 400)]) as service:
        with pytest.raises(BadRequestError):
            ask(service, lambda source: source.get(["s2:1"]))


def test_references_without_data_or_id_are_survived() -> None:
    with WebService(answers(EXCHANGES)) as service:
        assert ask(service, lambda source: source.expand("doi:10.1234/null", "references")) == ()
        found = ask(service, lambda source: source.expand(f"s2:{3:040x}", "references"))
    assert [work.title for work in found] == ["R&D in C++: 100% of #1 costs", "A report that nobody has"]
    assert found[1].ids == {}


def test_a_work_that_is_not_known_is_an_error_of_its_own() -> None:
    with WebService(answers(EXCHANGES)) as service:
        with pytest.raises(WorkNotFoundError, match="Paper with id 0 not found"):
            ask(service, lambda source: source.expand("s2:0", "references"))
        with pytest.raises(WorkNotFoundError, match="give doi"):
            ask(service, lambda source: source.expand("key:a", "references"))


@pytest.mark.parametrize("status", [401, 502, 503])
def test_an_outage_is_never_an_empty_answer(status: int) -> None:
    questions: list[Callable[[SemanticScholar], Awaitable[Any]]] = [
        lambda source: source.search("x"),
        lambda source: source.get(["s2:1"]),
        lambda source: source.expand("s2:1", "citations"),
        lambda source: source.recommend(["s2:1"]),
    ]
    for question in questions:
        with WebService([Reply(status)]) as service, pytest.raises(SourceUnavailableError):
            ask(service, question, tries=1)


@pytest.mark.parametrize("data", [{"data": None}, {}])
def test_a_search_that_counts_works_and_tells_none_is_an_outage(data: dict[str, Any]) -> None:
    with WebService([Reply.of({"total": 5, "offset": 0, **data})]) as service:
        with pytest.raises(SourceUnavailableError, match="counts 5 works and tells none"):
            ask(service, lambda source: source.search("x"), tries=1)


def test_one_bad_record_costs_no_other() -> None:
    good = {"paperId": "1", "title": "Good", "authors": [{"name": "Ann Lee"}]}
    bad = [
        {"title": f"Bad {number}", "authors": value} for number, value in enumerate(([None, 5, "A", {}], 7, "Bob"))
    ]
    records = [*bad, {"title": "Bad 3", "journal": 7}, good]
    with WebService([Reply.of({"total": 5, "offset": 0, "data": records})]) as service:
        found = ask(service, lambda source: source.search("x"), tries=1)
    with WebService([Reply.of({"offset": 0, "data": [{"citedPaper": record} for record in records]})]) as service:
        cited = ask(service, lambda source: source.expand("s2:9", "references"), tries=1)
    for works in (found, cited):
        assert [work.title for work in works] == ["Bad 0", "Bad 1", "Bad 2", "Bad 3", "Good"]
        assert [work.authors for work in works] == [(), (), (), (), ("Ann Lee",)]


HOSTILE: list[Any] = [
    [], {"data": 5}, {"data": {"a": 1}}, {"data": [None, 5, "x", []]}, {"data": [{"title": 7, "authors": 3}]},
    {"data": [{"title": "t", "authors": [None, 3, {"name": None}], "year": "never", "externalIds": [], "url": 4}]},
    {"total": 10**9, "offset": 0, "next": 100, "data": [{"title": "again"}]}, {"error": "no"}, "text", 3, None,
    {"total": 5, "offset": 0, "next": 0, "data": []}, {"total": 1, "next": "x", "data": [{"title": "t"}]},
]  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE, ids=[json.dumps(body)[:40] for body in HOSTILE])
def test_no_answer_of_any_shape_ends_in_anything_but_works_or_an_error_of_ours(body: Any) -> None:
    for question in (
        lambda source: source.search("x", limit=300),
        lambda source: source.get(["s2:1", "s2:2"]),
        lambda source: source.expand("s2:1", "references", limit=300),
        lambda source: source.recommend(["s2:1"]),
    ):
        with WebService([Reply.of(body)]) as service:
            try:
                found = ask(service, question, tries=1)
            except SourceUnavailableError:
                continue
            assert all(work is None or isinstance(work, Reference) for work in found)
            assert len(service.received) <= 20


def test_an_answer_that_belongs_to_another_question_is_an_outage() -> None:
    with WebService([Reply.of([{"paperId": "1", "title": "t"}]), Reply.of({"data": []})]) as service:
        with pytest.raises(SourceUnavailableError):
            ask(service, lambda source: source.search("x"), tries=1)
        with pytest.raises(SourceUnavailableError):
            ask(service, lambda source: source.get(["s2:1"]), tries=1)


def test_a_title_that_says_so_is_a_retraction() -> None:
    works = [{"paperId": "1", "title": "RETRACTED: Seas"}, {"paperId": "2", "title": "On papers that were retracted"}]
    with WebService([Reply.of({"total": 2, "data": works})]) as service:
        found = ask(service, lambda source: source.search("seas"))
    assert [work.retracted for work in found] == [True, False]


def test_filters_are_the_services_own() -> None:
    def nothing(_: Any) -> Reply:
        return Reply.of({"total": 0, "offset": 0})

    with WebService(nothing) as service:
        filters: dict[str, JSON] = {"year_from": 2016, "venue": "A & B", "min_citations": 3}
        ask(service, lambda source: source.search("x", filters=filters))
        received = service.received[0]
        with pytest.raises(BadRequestError, match="no filter"):
            ask(service, lambda source: source.search("x", filters={"colour": "red"}))
    assert [received.parameter(name) for name in ("year", "venue", "minCitationCount")] == ["2016-", "A & B", "3"]


def test_the_environment_points_it_at_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with WebService(answers(EXCHANGES)) as service:
        monkeypatch.setenv("PEERCYCLE_SEMANTIC_SCHOLAR_URL", f"{service.url}/")

        async def main() -> int:
            async with SemanticScholar(SemanticScholarSettings(interval_s=0)) as source:
                return len(await source.search(ODD))

        assert asyncio.run(main()) == 3


def test_nothing_is_logged_and_no_handler_is_hung_on_the_root_logger(capfd: pytest.CaptureFixture[str]) -> None:
    before = list(logging.getLogger().handlers)
    with WebService(answers(EXCHANGES)) as service:
        ask(service, use_everything)
    assert logging.getLogger().handlers == before
    assert capfd.readouterr() == ("", "")


class TestSemanticScholarContract(LiteratureContract):
    """The contract of sources, over works that the samples are."""

    queries = ("R&D in C++ #1?", "many")
    nonsense = "zxqvj wkpfh"

    @pytest.fixture(autouse=True)
    def _service(self) -> Any:
        def answer(received: Any) -> Reply:
            reply = recorded(received)
            if reply.status == 404 and received.path.endswith("/batch"):
                known = [{"paperId": "a", "title": "A work"}, None]
                return Reply.of(known[: len(received.json()["ids"])])
            if reply.status == 404 and received.path.endswith("/references"):
                return Reply.of({"offset": 0, "data": []})
            return Reply.of({"recommendedPapers": []}) if "/recommendations/" in received.path else reply

        recorded = answers(EXCHANGES)
        with WebService(answer) as service:
            self.url = service.url
            yield

    def source(self) -> SemanticScholar:
        """Return a source over the local server."""
        return SemanticScholar(SemanticScholarSettings(url=self.url, interval_s=0))

    def source_in_an_outage(self) -> SemanticScholar:
        """Return one that reaches nobody."""
        return SemanticScholar(SemanticScholarSettings(url="http://127.0.0.1:9", interval_s=0, tries=1))


# ------------------------------------------------------------------------------------ recorded exchanges


@pytest.fixture
def recordings() -> Path:
    folder = os.environ.get("PEERCYCLE_TEST_RECORDINGS")
    if not folder or not Path(folder, "index.json").is_file():
        pytest.skip("needs the recorded exchanges: set PEERCYCLE_TEST_RECORDINGS to their folder")
    return Path(folder)


def test_recorded_searches_and_pages(recordings: Path) -> None:
    with WebService(answers(recordings)) as service:
        found = ask(service, lambda source: source.search("turing", limit=120))
        assert (len(found), len(service.received)) == (120, 2)
        assert ask(service, lambda source: source.search("n0 r3sult s3arch t3rm")) == ()
        assert (
            len(ask(service, lambda source: source.search("sublinear near optimal edit distance", limit=100))) == 89
        )


def test_recorded_graph(recordings: Path) -> None:
    with WebService(answers(recordings)) as service:
        found = ask(service, lambda source: source.expand("doi:10.2139/ssrn.2250500", "references", limit=50))
        assert 45 <= len(found) <= 50
        found = ask(service, lambda source: source.expand("corpus:14514057", "citations", limit=100))
        assert 95 <= len(found) <= 100


def test_a_recorded_batch(recordings: Path) -> None:
    ids = [
        "corpus:211530585",
        "corpus:470667",
        "doi:10.2139/ssrn.2250500",
        "s2:0f40b1f08821e22e859c6050916cec3667778613",
    ]
    with WebService(answers(recordings)) as service:
        found = ask(service, lambda source: source.get(ids))
        assert len(service.received) == 1
    assert [work is None for work in found] == [True, False, False, False]
    assert found[2] is not None and found[2].ids["doi"] == "10.2139/ssrn.2250500" and found[2].authors


def asking(kind: str, number: int) -> Callable[[SemanticScholar], Awaitable[Sequence[Reference | None]]]:
    """Return what asks for an answer of one kind with so many works."""
    questions: dict[str, Callable[[SemanticScholar], Awaitable[Sequence[Reference | None]]]] = {
        "/paper/search": lambda source: source.search("turing", limit=number),
        "/references": lambda source: source.expand("s2:1", "references", limit=number),
        "/citations": lambda source: source.expand("s2:1", "citations", limit=number),
        "/paper/batch": lambda source: source.get([f"s2:{n}" for n in range(number)]),
        "/recommendations/": lambda source: source.recommend(["s2:1"], limit=number),
    }
    return questions[kind]


KINDS = ("/paper/search", "/references", "/citations", "/paper/batch", "/recommendations/")
"""Parts of the addresses that answers were recorded at."""


def letters(title: str) -> str:
    """Return what every spelling of a title has: recorded ones hold odd spaces and control characters."""
    return "".join(filter(str.isalnum, normalize("NFC", title)))


def test_every_recorded_answer_of_works_comes_through_the_whole_way(recordings: Path) -> None:
    replayed: Counter[str] = Counter()
    for path in sorted(recordings.glob("test_*.json")):
        exchange = json.loads(path.read_text(encoding="utf-8"))
        told_as = exchange["response"]["body"]
        body: Any = json.loads(told_as) if isinstance(told_as, str) and told_as[:1] in "[{" else told_as
        address = exchange["request"]["uri"]
        kind = next((part for part in KINDS if part in address and "/author/" not in address), None)
        if kind is None or exchange["response"]["status"] != 200:
            continue
        held: list[Any] = body if isinstance(body, list) else body.get("data") or body.get("recommendedPapers") or []
        records = [each and (each.get("citedPaper") or each.get("citingPaper") or each) for each in held]
        with WebService([Reply(200, json.dumps(body).encode())]) as service:
            found = ask(service, asking(kind, max(1, len(records))), tries=1)
        # A title is asked for always; some of these were recorded with other fields alone.
        told = [record["title"] for record in records if record and record.get("title")]
        titles = [work.title for work in found if work is not None]
        assert len(titles) == len(told), path.name
        # A title that holds markup comes without it.
        odd = [pair for pair in zip(titles, told, strict=True) if letters(pair[0]) != letters(pair[1])]
        assert not [pair for pair in odd if "<" not in pair[1]], path.name
        replayed[kind] += 1
    assert replayed.keys() == set(KINDS) and replayed.total() > 60, replayed


def test_recorded_refusals(recordings: Path) -> None:
    bodies = {}
    for path in recordings.glob("test_*.json"):
        exchange = json.loads(path.read_text(encoding="utf-8"))
        bodies[exchange["response"]["status"]] = exchange["response"]["body"]
    kinds = {400: BadRequestError, 403: SourceUnavailableError, 404: WorkNotFoundError}
    for status, kind in kinds.items():
        body = bodies[status] if isinstance(bodies[status], str) else json.dumps(bodies[status])
        with WebService([Reply(status, body.encode())]) as service, pytest.raises(kind):
            ask(service, lambda source: source.expand("s2:0", "references"), tries=1)


def test_every_recorded_work_becomes_a_reference_that_bibtex_takes(recordings: Path) -> None:
    from peercycle.agents.literature.semantic_scholar.records import reference_of

    found: list[Reference] = []
    for path in sorted(recordings.glob("test_*.json")):
        body = json.loads(path.read_text(encoding="utf-8"))["response"]["body"]
        body = json.loads(body) if isinstance(body, str) else body
        records = (
            body
            if isinstance(body, list)
            else [body, *(body.get("data") or []), *(body.get("recommendedPapers") or [])]
        )
        for record in records:
            held = record or {}
            for each in (held, held.get("citedPaper"), held.get("citingPaper")) if isinstance(held, dict) else ():
                if isinstance(each, dict) and "paperId" in each and (work := reference_of(each, 0.0)) is not None:
                    found.append(work)
    assert len(found) > 5000
    written = bibtex.write(Bibliography(entries=tuple(found)))
    read = bibtex.read(written)
    assert written.isascii() and not [p for p in read.problems if p.severity == "error"]
    titles = {work.key.lower(): work.title for work in reversed(found)}
    assert all(titles[work.key.lower()] == work.title for work in read.entries)
