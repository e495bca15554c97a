"""Every cited work is looked up where an online source is named: found, another work, retracted, or not known."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from peercycle import hookimpl
from peercycle.agents.policies.scripted import ScriptedPolicy, ScriptedSettings
from peercycle.core.contracts import StageContext, Turn, Work
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.runs import RunOptions
from peercycle.core.writing import Manuscript, ResearchTask, Section
from peercycle.graphs.driver import start
from peercycle.plugins.manager import Plugins
from peercycle.plugins.testing.graph_service import GraphService
from peercycle.plugins.testing.web import Received, Reply, WebService

BODY = r"""Reefs bleach when the sea is warm \cite{byid}. So they do everywhere \cite{bytitle,wrongyear}.
Warm seas last \cite{byid}. One finding was taken back \cite{retracted}, and one nobody knows \cite{nowhere}.
This key is in no list \cite{ghost}."""


def work(key: str, title: str, **more: Any) -> Reference:
    return Reference.model_validate({"key": key, "title": title, "authors": ["Ana Lima"], "year": 2001, **more})


SHELF = Bibliography(
    entries=(
        work(
            "byid", "Bleaching of reefs", ids={"doi": "10.1/a"}, abstract="Reefs bleach in warm sea. Warm seas last."
        ),
        work("bytitle", "Bleaching everywhere: a survey"),
        work("wrongyear", "Heat in the sea", ids={"doi": "10.1/b"}),
        work("retracted", "A finding", ids={"doi": "10.1/c"}),
        work("nowhere", "Entirely made up by a machine"),
    )
)
RECORDS: list[Mapping[str, Any]] = [
    {"paperId": "a" * 40, "title": "Bleaching of reefs", "year": 2002, "externalIds": {"DOI": "10.1/a"}},
    {"paperId": "b" * 40, "title": "Heat in the sea", "year": 1971, "externalIds": {"DOI": "10.1/b"}},
    {"paperId": "c" * 40, "title": "A finding", "year": 2001, "externalIds": {"DOI": "10.1/c"}},
    {"paperId": "d" * 40, "title": "Bleaching Everywhere, a Survey", "year": 2001, "authors": [{"name": "A. Lima"}]},
    {"paperId": "e" * 40, "title": "Something else made by a machine", "year": 2001, "authors": [{"name": "X Y"}]},
]


class Citing(ScriptedPolicy):
    """Writes the one paper that cites them all."""

    async def write(self, work: Work, ctx: StageContext) -> Turn[Manuscript]:
        """Return it."""
        return Turn(Manuscript(title="On reefs", abstract="We read.", sections=(Section(heading="Body", body=BODY),)))

    async def conclude(self, work: Work, ctx: StageContext) -> Turn[Manuscript]:
        """Leave it as it is."""
        assert work.manuscript is not None
        return Turn(work.manuscript)


class CitingPlugin:
    @hookimpl
    def register_policies(self, register: Any) -> None:
        register("citing", lambda settings: Citing(ScriptedSettings()))


def retractions(received: Received) -> Reply:
    item = {"DOI": "10.1/c", "title": ["A finding"], "updated-by": [{"type": "retraction"}]}
    items = [item] if "10.1/c" in (received.parameter("filter") or "") else []
    return Reply.of({"message": {"items": items}})


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with WebService(GraphService(RECORDS, {})) as graph, WebService(retractions) as crossref:
        fast: dict[str, Any] = {"interval_s": 0, "tries": 1}
        yield {"semantic-scholar": {"url": graph.url, **fast}, "crossref": {"url": crossref.url, **fast}}


def ran(folder: Path, literature: tuple[str, ...], settings: Any, **more: Any) -> tuple[dict[str, Any], str]:
    """Run the cycle, and return its report as data and as Markdown."""
    options = RunOptions.model_validate(
        {
            "run_id": "r1",
            "runs_dir": str(folder / "runs"),
            "policy": "citing",
            "reviewer": "scripted",
            "exporters": ("report",),
            "experiments": "off",
            "sandbox": "none",
            "rounds": 0,
            "literature": literature,
            "settings": {"literature": settings},
            **more,
        }
    )
    plugins = Plugins.load(CitingPlugin(), entry_points=False, environ={})
    result = asyncio.run(start(ResearchTask(topic="reefs", bibliography=SHELF), options, plugins))
    assert result.status == "finished", result.message
    data = json.loads((result.path / "report.json").read_text(encoding="utf-8"))
    return data["citations"], (result.path / "report.md").read_text(encoding="utf-8")


def test_each_work_is_found_or_said_to_be_missing_changed_or_retracted(services: Any, tmp_path: Path) -> None:
    citations, report = ran(tmp_path, ("local", "semantic-scholar", "crossref"), services)
    found = {one["key"]: one for one in citations["listed"]}
    assert {key: one["status"] for key, one in found.items()} == {
        "byid": "resolved", "bytitle": "resolved", "wrongyear": "mismatch", "retracted": "retracted",
        "nowhere": "unresolved", "ghost": "missing",
    }  # fmt: skip
    assert found["byid"]["detail"] == "found by doi:10.1/a"
    assert found["bytitle"]["detail"] == "found by its title, similarity 1.00"
    assert "the year there is 1971, here 2001" in found["wrongyear"]["detail"]
    assert "similarity 0." in found["nowhere"]["detail"]
    assert (citations["online"], citations["sources"]) == (True, ["crossref", "semantic-scholar"])
    assert citations["unresolved"] == ["nowhere"]
    assert "Checked online with crossref, semantic-scholar; not found there: 1 (`nowhere`)" in report


def test_each_citing_sentence_stands_beside_the_nearest_passage(services: Any, tmp_path: Path) -> None:
    citations, report = ran(tmp_path, ("local", "semantic-scholar"), services)
    said = {
        group["sentence"].split(" \\")[0].split(" [")[0]: one["support"]
        for group in citations["sentences"]
        for one in group["works"]
        if one["key"] == "byid"
    }
    assert list(said.values()) == ["Reefs bleach in warm sea.", "Warm seas last."]
    assert "Warm seas last." in report


def test_with_local_sources_only_it_says_that_nothing_was_checked_online(services: Any, tmp_path: Path) -> None:
    citations, report = ran(tmp_path, ("local",), services)
    assert citations["online"] is False
    assert {one["status"] for one in citations["listed"]} == {"in_bibliography", "missing"}
    assert "Not checked online" in report


def test_an_outage_that_is_passed_over_resolves_nothing_and_accuses_nobody(tmp_path: Path, services: Any) -> None:
    down = {"semantic-scholar": {"url": "http://127.0.0.1:9", "interval_s": 0, "tries": 1}}
    citations, report = ran(tmp_path, ("local", "semantic-scholar"), down, on_outage="continue")
    assert citations["online"] is False and citations["unresolved"] == []
    assert "Not checked online" in report and "did not answer" in report


def test_the_draft_and_every_revision_are_checked_and_the_report_says_how_each_fared(
    services: Any, tmp_path: Path
) -> None:
    _, report = ran(tmp_path, ("local", "semantic-scholar"), services, rounds=2, candidates=1)
    data = json.loads((tmp_path / "runs" / "r1" / "report.json").read_text(encoding="utf-8"))
    rounds = [row["round"] for row in data["rounds"]]
    assert len(rounds) > 1, "the run revised nothing"
    assert [row["round"] for row in data["checks"]] == rounds
    assert all(row["online"] and row["citations"]["resolved"] and row["unresolved"] for row in data["checks"])
    assert "round 1: " in report and "Every version was checked" in report


def test_check_follows_conclude_on_both_paths_whether_or_not_there_was_an_experiment() -> None:
    from peercycle.graphs.stagelist import build_stages

    for path in build_stages(Plugins.load(entry_points=False, environ={})).paths.values():
        names = list(path)
        assert names[names.index("experiment") :][:3] == ["experiment", "conclude", "check"]
