"""From a topic alone, or from a few works, to a list that a paper can be written from: over a real local service."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from peercycle import hookimpl
from peercycle.core.errors import LiteratureError, WorkNotFoundError
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.ranking import rank_works
from peercycle.core.runs import Budget, RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs.driver import resume, start
from peercycle.graphs.replay import replay
from peercycle.plugins.manager import Plugins
from peercycle.plugins.testing.graph_service import GraphService
from peercycle.plugins.testing.web import Reply, WebService
from peercycle.store.directory import read_run

TOPIC = "coral bleaching under heat"
SUBJECTS = ("coral reefs and their algae", "heat waves in the sea", "bleaching of reefs", "medieval trade routes")


def works() -> list[dict[str, Any]]:
    """Eighty works; those of the last subject are about something else, and are cited most of all."""
    made: list[dict[str, Any]] = []
    for number in range(80):
        subject = SUBJECTS[number % 4]
        made.append(
            {
                "paperId": f"{number:040x}",
                "externalIds": {"DOI": f"10.1/w{number}"},
                "title": f"Study {number} of {subject}",
                "abstract": f"We look at {subject}, the {number}th time." if number % 5 else None,
                "year": 1990 + number % 30,
                "authors": [{"name": f"Ana Number{number}"}],
                "citationCount": 10_000 if number % 4 == 3 else 3,
                "venue": "Journal of Reefs",
                "publicationTypes": ["JournalArticle"],
            }
        )
    return made


def cites() -> dict[str, list[str]]:
    return {f"{number:040x}": [f"{(number * 7 + step) % 80:040x}" for step in range(1, 13)] for number in range(80)}


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebService]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SEMANTIC_SCHOLAR_API_KEY", raising=False)
    with WebService(GraphService(works(), cites())) as running:
        monkeypatch.setenv("PEERCYCLE_SEMANTIC_SCHOLAR_URL", running.url)
        yield running


FAST = {"literature": {"semantic-scholar": {"interval_s": 0, "tries": 1}}}


def given(folder: Path, **changes: Any) -> RunOptions:
    values: dict[str, Any] = {
        "run_id": "r1",
        "runs_dir": str(folder / "runs"),
        "policy": "scripted",
        "reviewer": "scripted",
        "exporters": ("latex", "report"),
        "experiments": "off",
        "sandbox": "none",
        "rounds": 0,
        "settings": FAST,
    }
    return RunOptions.model_validate({**values, **changes})


def plugins() -> Plugins:
    return Plugins.load(entry_points=False, environ={})


def found_by(path: Path) -> Bibliography:
    """Return the works that the literature stage kept."""
    with sqlite3.connect(path / "run.sqlite") as connection:
        rows = connection.execute("SELECT state_json FROM candidates").fetchall()
    ref = json.loads(rows[0][0])["bibliography"]
    return Bibliography.model_validate_json(body_of(path, ref))


def body_of(path: Path, ref: str) -> bytes:
    """Return a body that the run keeps."""
    return asyncio.run(read_run(path).artifacts.get(ref))


def events(path: Path, kind: str) -> list[str]:
    with sqlite3.connect(path / "run.sqlite") as connection:
        return [row[0] for row in connection.execute("SELECT message FROM events WHERE kind = ?", (kind,))]


def test_a_topic_alone_finds_its_references(service: WebService, tmp_path: Path) -> None:
    result = asyncio.run(start(ResearchTask(topic=TOPIC), given(tmp_path), plugins()))
    assert (result.status, result.reason) == ("finished", "round_limit"), result.message
    listed = found_by(result.path).entries
    assert 20 <= len(listed) <= 60
    assert all(work.abstract for work in listed[:20])
    assert all(re.fullmatch(r"[a-z0-9]+", work.key) for work in listed)
    assert len({work.key for work in listed}) == len(listed)
    assert sum("trade" in work.title for work in listed[:15]) == 0, "works cited most are not works that fit"
    assert len({r.path for r in service.received if r.path.endswith(("references", "citations"))}) == 10
    assert sum(r.method == "POST" for r in service.received) == 2, "abstracts are one request, and the check is one"
    assert any(
        line.startswith("literature: semantic-scholar, because")
        for line in events(result.path, "launched")[0].split("; ")
    )
    bib = result.path / "paper" / "references.bib"
    assert not bib.exists() or "Ana" in bib.read_text()


def test_one_step_along_the_graph_brings_so_many_works_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of twelve works on the topic cites a hundred that nobody else cites, and as many cite it."""
    core = [f"{number:040x}" for number in range(12)]
    cited = {name: [f"a{name[-1]}{number:038x}" for number in range(100)] for name in core}
    citing = {name: [f"a{name[-1]}{number:038x}" for number in range(100, 200)] for name in core}
    on_topic = {"title": f"On {TOPIC}", "abstract": f"We look at {TOPIC}.", "year": 2001}
    made = [{**on_topic, "paperId": name, "title": f"Study {name[-2:]} of {TOPIC}"} for name in core]
    made += [
        {"paperId": each, "title": f"Note {each}", "abstract": "Ledgers.", "year": 1999}
        for side in (cited, citing)
        for names in side.values()
        for each in names
    ]
    edges = {**cited, **{each: [name] for name, names in citing.items() for each in names}}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with WebService(GraphService(made, edges)) as running:
        monkeypatch.setenv("PEERCYCLE_SEMANTIC_SCHOLAR_URL", running.url)
        result = asyncio.run(start(ResearchTask(topic=TOPIC), given(tmp_path), plugins()))
        assert result.status == "finished", result.message
        asked = [each for each in running.received if each.path.endswith(("references", "citations"))]
        abstracts = next(each for each in running.received if each.method == "POST")
    assert len(asked) == 10, "five seeds, one step"
    assert len(abstracts.json()["ids"]) == 400, "five seeds have five hundred neighbours within their own limits"


def test_thousands_of_works_are_ranked_in_no_loops_thread(
    service: WebService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[int] = set()

    def noted(text: str, found: Sequence[Reference]) -> list[int]:
        threads.add(threading.get_ident())
        return rank_works(text, found)

    monkeypatch.setattr("peercycle.graphs.finding.rank_works", noted)
    asyncio.run(start(ResearchTask(topic=TOPIC), given(tmp_path), plugins()))
    assert threads
    assert threading.get_ident() not in threads


def test_a_second_identical_run_sends_nothing_and_has_the_same_list(service: WebService, tmp_path: Path) -> None:
    first = asyncio.run(start(ResearchTask(topic=TOPIC), given(tmp_path), plugins()))
    sent = len(service.received)
    second = asyncio.run(start(ResearchTask(topic=TOPIC), given(tmp_path, run_id="r2"), plugins()))
    assert len(service.received) == sent > 0
    assert found_by(first.path) == found_by(second.path)


def test_every_request_is_counted_and_in_the_journal(service: WebService, tmp_path: Path) -> None:
    result = asyncio.run(start(ResearchTask(topic=TOPIC), given(tmp_path), plugins()))
    with sqlite3.connect(result.path / "run.sqlite") as connection:
        spent = connection.execute("SELECT SUM(requests) FROM spending").fetchone()[0]
        asked = "SELECT result, result_ref FROM effects WHERE kind IN ('search', 'literature')"
        rows = connection.execute(asked).fetchall()
    answers = [json.loads(result_ or body_of(result.path, ref)) for result_, ref in rows]
    listed = [line for told in answers if isinstance(told, dict) for line in told.get("requests", ())]
    assert spent == len(service.received) == sum(not line["kept"] for line in listed)
    assert {line["status"] for line in listed} == {200}


def test_a_replay_asks_nobody(service: WebService, tmp_path: Path) -> None:
    result = asyncio.run(start(ResearchTask(topic=TOPIC), given(tmp_path), plugins()))
    sent = len(service.received)
    assert asyncio.run(replay(result.path, plugins())).differences == ()
    assert len(service.received) == sent


def test_a_limit_on_requests_is_never_passed(service: WebService, tmp_path: Path) -> None:
    options = given(tmp_path, budget=Budget(requests=20))
    result = asyncio.run(start(ResearchTask(topic=TOPIC), options, plugins()))
    assert (result.status, result.reason) == ("stopped", "budget")
    assert len(service.received) <= 20


def test_a_limit_that_suffices_for_what_is_sent_and_one_questions_new_tries_stops_nothing(
    service: WebService, tmp_path: Path
) -> None:
    free = asyncio.run(start(ResearchTask(topic=TOPIC), given(tmp_path), plugins()))
    sent = len(service.received)
    fresh = {"literature": {"semantic-scholar": {"interval_s": 0, "tries": 1, "mode": "refresh"}}}
    options = given(tmp_path, run_id="r2", settings=fresh, budget=Budget(requests=sent + 10))
    result = asyncio.run(start(ResearchTask(topic=TOPIC), options, plugins()))
    assert (free.status, result.status) == ("finished", "finished"), result.message
    assert len(service.received) == 2 * sent


def shelf() -> Bibliography:
    return Bibliography(
        entries=(
            Reference(
                key="mine", title=works()[2]["title"], authors=("Ana Number2",), year=1992, ids={"doi": "10.1/w2"}
            ),
            Reference(key="other", title="Reefs that I know", abstract="Coral reefs.", year=2001),
        )
    )


def test_with_a_bibliography_and_defaults_nothing_goes_out(service: WebService, tmp_path: Path) -> None:
    result = asyncio.run(start(ResearchTask(topic=TOPIC, bibliography=shelf()), given(tmp_path), plugins()))
    assert result.status == "finished" and service.received == []
    assert [work.key for work in found_by(result.path).entries] == ["mine", "other"]


def test_a_source_at_hand_takes_nothing_of_the_limit_on_requests(service: WebService, tmp_path: Path) -> None:
    options = given(tmp_path, budget=Budget(requests=1))
    result = asyncio.run(start(ResearchTask(topic=TOPIC, bibliography=shelf()), options, plugins()))
    assert (result.status, service.received) == ("finished", []), result.message


def test_a_seed_bibliography_is_widened_and_keeps_its_keys(service: WebService, tmp_path: Path) -> None:
    options = given(tmp_path, literature=("local", "semantic-scholar"))
    result = asyncio.run(start(ResearchTask(topic=TOPIC, bibliography=shelf()), options, plugins()))
    listed = found_by(result.path).entries
    assert [work.key for work in listed[:2]] == ["mine", "other"]
    assert 20 <= len(listed) <= 60
    assert [work.ids.get("doi") for work in listed].count("10.1/w2") == 1, "one work, found twice"


@pytest.mark.parametrize("policy", ["stop", "continue"])
def test_an_outage_stops_the_run_or_is_passed_over_and_said(
    policy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with WebService([Reply(503)]) as down:
        monkeypatch.setenv("PEERCYCLE_SEMANTIC_SCHOLAR_URL", down.url)
        options = given(tmp_path, literature=("local", "semantic-scholar"), on_outage=policy)
        result = asyncio.run(start(ResearchTask(topic=TOPIC, bibliography=shelf()), options, plugins()))
        sent = len(down.received)
        if policy == "continue":
            assert result.status == "finished"
            assert asyncio.run(replay(result.path, plugins())).differences == ()
            assert len(down.received) == sent
        else:
            assert (result.status, result.reason) == ("stopped", "outage")
    with sqlite3.connect(result.path / "run.sqlite") as connection:
        counted = connection.execute("SELECT SUM(requests) FROM spending").fetchone()[0]
    assert counted == sent > 0, "a request that failed was sent all the same"
    said = (result.path / "report.md").read_text(encoding="utf-8")
    assert "503" in said and ("semantic-scholar" if policy == "continue" else "127.0.0.1") in said


@pytest.mark.parametrize("status", [401, 503])
def test_a_run_that_has_nothing_because_its_only_source_does_not_answer_writes_no_paper(
    status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with WebService([Reply(status)]) as down:
        monkeypatch.setenv("PEERCYCLE_SEMANTIC_SCHOLAR_URL", down.url)
        options = given(tmp_path, on_outage="continue")
        result = asyncio.run(start(ResearchTask(topic=TOPIC), options, plugins()))
    assert (result.status, result.reason) == ("failed", "error")
    assert "there is nothing to write from" in result.message and f"({status}" in result.message
    assert not (result.path / "paper").exists()
    with pytest.raises(LiteratureError, match="there is nothing to write from"):
        asyncio.run(replay(result.path, plugins()))


def test_a_source_that_refuses_every_query_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with WebService([Reply.of({"error": "no such field"}, 400)]) as service:
        monkeypatch.setenv("PEERCYCLE_SEMANTIC_SCHOLAR_URL", service.url)
        result = asyncio.run(start(ResearchTask(topic=TOPIC), given(tmp_path), plugins()))
    assert result.status == "finished"
    said = [line for line in events(result.path, "log") if "refused" in line]
    assert len(said) == 2, "once by the stage literature, once by related"
    assert said[0].startswith("semantic-scholar refused 1 of 1 query, the first so: ")
    assert "no such field" in (result.path / "report.md").read_text(encoding="utf-8")
    assert asyncio.run(replay(result.path, plugins())).differences == ()


def test_what_stopped_at_an_outage_goes_on_when_it_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    down = True
    graph = GraphService(works(), cites())

    def answer(received: Any) -> Reply:
        return Reply(503) if down else graph(received)

    with WebService(answer) as service:
        monkeypatch.setenv("PEERCYCLE_SEMANTIC_SCHOLAR_URL", service.url)
        result = asyncio.run(start(ResearchTask(topic=TOPIC), given(tmp_path), plugins()))
        assert result.reason == "outage"
        down = False
        from peercycle.agents.literature.online import breaker

        monkeypatch.setattr(breaker, "_BREAKERS", {})
        again = asyncio.run(resume(result.path, plugins()))
    assert again.status == "finished" and len(found_by(again.path).entries) >= 20


def test_nearest_earlier_works_are_named(service: WebService, tmp_path: Path) -> None:
    result = asyncio.run(start(ResearchTask(topic=TOPIC), given(tmp_path), plugins()))
    report = (result.path / "report.md").read_text(encoding="utf-8")
    assert "earlier works" in report.lower()
    data: dict[str, Any] = json.loads((result.path / "report.json").read_text(encoding="utf-8"))
    assert data["nearest_prior"], "the report names no earlier work"
    keys = found_by(result.path).keys
    assert {one["key"] for one in data["nearest_prior"]} <= keys


class AskingStage:
    """A plugin's stage that uses every way to the literature."""

    name = "asking"

    async def __call__(self, state: Any, ctx: Any) -> dict[str, Any]:
        """Ask, and log what was answered."""
        got = await ctx.get(["doi:10.1/w1", "doi:10.1/nobody"])
        cited = await ctx.expand("doi:10.1/w1", "references", limit=3)
        liked = await ctx.recommend(["doi:10.1/w1"], limit=2)
        try:
            await ctx.expand("doi:10.1/nobody", "citations")
            unknown = "no error"
        except WorkNotFoundError as error:
            unknown = type(error).__name__
        told = [[work and work.title for work in got], len(cited), len(liked), unknown]
        await ctx.log(f"asked: {json.dumps(told)}")
        return {}


class AskingPlugin:
    @hookimpl
    def extend_graph(self, builder: Any) -> None:
        builder.add_stage(AskingStage(), after="related")


def test_a_stage_gets_expands_and_recommends_and_a_replay_answers_it_from_the_journal(
    service: WebService, tmp_path: Path
) -> None:
    asking = Plugins.load(AskingPlugin(), entry_points=False, environ={})
    options = given(tmp_path, literature=("local", "semantic-scholar"))
    result = asyncio.run(start(ResearchTask(topic=TOPIC, bibliography=shelf()), options, asking))
    assert result.status == "finished", result.message
    (line,) = [said for said in events(result.path, "log") if said.startswith("asked: ")]
    assert json.loads(line.removeprefix("asked: ")) == [
        ["Study 1 of heat waves in the sea", None],
        3,
        2,
        "WorkNotFoundError",
    ]
    sent = len(service.received)
    assert asyncio.run(replay(result.path, asking)).differences == ()
    assert len(service.received) == sent
