"""The report: what it says on every ending of a run, read back from a real run directory."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from peercycle.core.base import Word, artifact_ref, canonical_json
from peercycle.core.events import RunEvent
from peercycle.core.experiments import ExperimentResults
from peercycle.core.journal import CandidateRow, EffectKey, EffectOutcome, EffectTicket, Question
from peercycle.core.modelling import Usage
from peercycle.core.reviews import Assessment, Check, Review, ReviewPoint, Scale
from peercycle.core.runs import Budget, ModelChoice, RunOptions, RunRecord, RunStatus, Terminal
from peercycle.core.writing import CheckReport, CitationCheck, Manuscript, NumberCheck, PointOutcome, ResearchTask
from peercycle.export.account.scores import calibration
from peercycle.export.report import ReportExporter, write_report
from peercycle.export.shown import sentence, unit
from peercycle.store.directory import create_run, open_run, read_run
from peercycle.store.driven import RunDirectory

BEGAN = 1_700_000_000.0
EVIL = "<script>alert(1)</script> | *x* `y` [z](javascript:alert(1))"


@dataclass
class Told:
    """A report in its three forms."""

    files: Mapping[str, bytes]
    data: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.data = json.loads(self.files["report.json"])

    @property
    def md(self) -> str:
        return self.files["report.md"].decode()

    @property
    def html(self) -> str:
        return self.files["report.html"].decode()


def assessment(rating: float) -> Assessment:
    review = Review(
        reviewer="rubric",
        rating=rating,
        scale=Scale(calibrated=False),
        questions=("Why not more seeds?",),
        checks=(Check(name="a", passed=True), Check(name="b", passed=False), Check(name="c", passed=None)),
        points=(ReviewPoint(id="x", text="Report an interval"),),
    )
    return Assessment(reviews=(review,), machine_made="rubric")


def check() -> CheckReport:
    return CheckReport(
        citations=(
            CitationCheck(key="k1", status="in_bibliography", sentence="BM25 is strong [k1].", support="We show it."),
            CitationCheck(key="zz", status="missing"),
        ),
        numbers=(
            NumberCheck(shown="0.913", where="Results", status="bound", measurement="acc.mean"),
            NumberCheck(shown="0.87", where="Results", status="by_value", measurement="acc.2"),
            NumberCheck(shown="42", where="abstract", status="unbound"),
        ),
        uncited=("unused",),
    )


def outcomes(results: str) -> list[dict[str, Any]]:
    found = (
        PointOutcome(point="r1.x", text="Report an interval", end="done", answer="Added.", artifact=results, round=1),
        PointOutcome(point="r1.y", text="Use 100 seeds", end="declined", reason="too costly", round=1),
        PointOutcome(point="r1.z", text="Ablate k1", end="failed", reason="timeout", round=1),
    )
    return [outcome.model_dump(mode="json") for outcome in found]


def new_record(task: ResearchTask, **options: Any) -> RunRecord:
    return RunRecord(
        run_id="r1",
        created_at=BEGAN,
        peercycle_version="0.1.0",
        options=RunOptions(candidates=3, rounds=2, **options),
        task=artifact_ref(canonical_json(task)),
        fingerprint={},
        choices=("policy auto: extractive, because no model is configured",),
    )


async def fill(run: RunDirectory, results: ExperimentResults) -> None:
    """Write into a run what three candidates and two rounds leave behind."""

    async def save(value: Any) -> str:
        return await run.artifacts.put(canonical_json(value))

    paper = await save(Manuscript(title=f"A title {EVIL}", abstract="x"))
    ref, checked = await save(results), await save(check())
    ended = await save(outcomes(ref))
    ratings = {("c0", 0): 5.5, ("c1", 0): 4.5, ("c0", 1): 6.4, ("c0", 2): 6.1}
    for (name, round_), rating in ratings.items():
        judged = await save(assessment(rating))
        await run.save_candidate(
            CandidateRow(
                name, round_, "complete", paper, ref, judged, checked, rating, rating,
                selected=(name, round_) in {("c0", 0), ("c0", 1)},
                state={"outcomes": ended} if round_ else {},
            )
        )  # fmt: skip
    await run.save_candidate(CandidateRow("c2", 0, "failed", error="write: the answer could not be parsed"))
    await run.save_executions(
        "c0", "experiment", 1, results.executions, results.measurements, {"e0": (1.5, 20.0), "e1": (2.0, 20.0)}
    )
    for at, kind, message, candidate, stage in (
        (0, "stage_started", "", "c0", "outline"),
        (10, "stage_failed", "ModelError: no answer after 3 tries", "c2", "write"),
        (12, "stage_failed", "ModelError: no answer after 4 tries", "c1", "write"),
        (14, "outage", "semantic scholar answers 503; trying again in 5 s", "", "literature"),
        (19, "outage", "semantic scholar answers 503; trying again in 15 s", "", "related"),
        (20, "outage", "crossref is down", "", "check"),
        (4000, "stage_started", "", "c0", "review"),
        (4001, "log", "latex: figure 'x' does not exist", "", "finish"),
        (4002, "log", "latex: figure 'x' does not exist", "", "finish"),
    ):
        await run.add_event(RunEvent("r1", kind, BEGAN + at, message, candidate, stage))
    await spend(run)
    await run.add_wall_clock(4515.0)


async def spend(run: RunDirectory) -> None:
    for number, error in enumerate((None, None, "UnparsableAnswerError")):
        key = EffectKey("c0", "write", 1, "model", f"{number:064d}", 0)
        ticket = await run.begin_effect(key, {}, Usage(prompt_tokens=400, completion_tokens=400, model_calls=1))
        assert isinstance(ticket, EffectTicket)
        used = Usage(prompt_tokens=700, completion_tokens=80, model_calls=1)
        outcome = EffectOutcome(
            result={}, error_type=error, error_message="no JSON in it" if error else "", usage=used
        )
        await run.settle_effect(ticket, outcome)


def told(
    tmp_path: Path, results: ExperimentResults, status: RunStatus | None, reason: Any = None, *, empty: bool = False,
    ask: bool = False, **options: Any,
) -> Told:  # fmt: skip
    """Write a run to disk, end it, and report it from what a fresh reader finds there."""

    async def main() -> Mapping[str, bytes]:
        task = ResearchTask(topic=f"Retrieval {EVIL}")
        record = new_record(task, **options)
        run = await create_run(tmp_path, record, task, in_loop=False)
        if not empty:
            await fill(run, results)
        if ask:
            await run.save_question(Question("q1", "Which dataset?", {"type": "object"}))
        if status is not None:
            terminal = Terminal(status=status, reason=reason, message="as told", at=BEGAN + 5000)
            await run.write_record(record.model_copy(update={"terminal": terminal}))
        await run.close()
        exporter = ReportExporter(Word())
        assert exporter.scope == "report"
        return await exporter.export(None, read_run(tmp_path / "r1"), None)  # type: ignore[arg-type]

    return Told(asyncio.run(main()))


@pytest.fixture
def results(case: Any) -> ExperimentResults:
    found = case.edition.results
    assert isinstance(found, ExperimentResults)
    return found


class Page(HTMLParser):
    """What a browser would load or run of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "data", "action"}]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


ENDINGS: dict[str, tuple[RunStatus | None, str | None, str]] = {
    "finished": ("finished", "round_limit", "all rounds of revision were done"),
    "no gain": ("finished", "no_gain", "revisions no longer raised the score"),
    "budget": ("stopped", "budget", "the budget was used up"),
    "drained": ("stopped", "drained", "a stop was asked for"),
    "outage": ("stopped", "outage", "a service could not be reached"),
    "failed": ("failed", "error", "an error ended the run"),
    "waiting": ("waiting", None, "a person was asked something"),
    "crashed": (None, None, "its driver died"),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("empty", [False, True], ids=["at its end", "before any paper"])
def test_every_ending_has_a_whole_report(
    tmp_path: Path, results: ExperimentResults, ending: str, empty: bool
) -> None:
    status, reason, why = ENDINGS[ending]
    report = told(tmp_path, results, status, reason, empty=empty, ask=ending == "waiting")
    assert set(report.files) == {"report.md", "report.html", "report.json"}
    data = report.data
    assert data["schema_version"] == 1
    assert data["status"] == (status or "crashed")
    assert data["reason"] == reason
    assert data["why"].startswith(why)
    assert data["next_steps"]
    commands = [entry["command"] for entry in data["commands"]]
    path = str(tmp_path / "r1")
    # A run that has not come to its end cannot be replayed.
    assert (f"peercycle replay {path}" in commands) == (data["status"] in {"finished", "failed"})
    assert f"peercycle resume {path} --rounds 4" in commands
    resumable = data["status"] in {"stopped", "failed", "crashed"}
    assert (f"peercycle resume {path}" in commands) == resumable
    assert (f"peercycle answer {path} ANSWER --question q1" in commands) == (ending == "waiting")
    for text in (report.md, report.html):
        assert data["status"] in text
        assert why.partition(" ")[2] in text
        assert "machines" in text


def test_the_first_screen_says_how_it_stands(tmp_path: Path, results: ExperimentResults) -> None:
    report = told(tmp_path, results, "stopped", "budget", budget=Budget(tokens=2500, hours=8))
    data = report.data
    assert data["best"]["candidate"] == "c0"
    assert data["best"]["round"] == 1
    assert data["best"]["rating"] == 6.4
    assert data["wall_seconds"] == pytest.approx(4515)
    assert data["tokens"] == 2340
    assert data["cost"] is None
    first = report.md.partition("## Next steps")[0]
    assert "6.40 on 1-10" in first
    assert "1 of 2 applicable checks passed" in first
    assert "uncalibrated" in first
    assert "no independent judgement" in first
    assert "| Wall time | 1 h 15 min |" in first
    assert "| Tokens | 2,340 |" in first
    assert "| Cost | unknown |" in first
    assert any("--max-tokens 5000" in entry["command"] for entry in data["commands"])
    assert "more tokens" in data["next_steps"][0]


def test_scores_candidates_and_points_are_told(tmp_path: Path, results: ExperimentResults) -> None:
    report = told(tmp_path, results, "finished", "round_limit")
    data = report.data
    assert [(row["round"], row["rating"], row["best_so_far"]) for row in data["rounds"]] == [
        (0, 5.5, 5.5), (1, 6.4, 6.4), (2, 6.1, 6.4),
    ]  # fmt: skip
    why = {(row["candidate"], row["round"]): row["why"] for row in data["candidates"]}
    assert why[("c1", 0)] == "not selected: another draft scored higher"
    assert why[("c2", 0)] == "failed: write: the answer could not be parsed"
    assert why[("c0", 1)] == "became the best"
    assert why[("c0", 2)] == "did not score above the best; not taken"
    revision, thrown_away = data["revisions"]
    assert revision["taken"]
    assert not thrown_away["taken"]
    assert "thrown away" in report.md and "thrown away" in report.html
    assert revision["counts"] == {"done": 1, "declined": 1, "failed": 1}
    assert revision["points"][0]["artifact"].startswith("sha256:")
    assert revision["points"][1]["reason"] == "too costly"
    assert "Point r1.z was not met (timeout): Ablate k1" in data["next_steps"]
    assert "<polyline" in report.html
    assert report.html.count("<circle") == 4


def test_experiments_numbers_and_citations_are_told(tmp_path: Path, results: ExperimentResults) -> None:
    data = told(tmp_path, results, "finished", "round_limit").data
    retrieval = data["experiments"]["experiments"][0]
    assert retrieval["seeds"] == [0, 1, 2]
    assert retrieval["executions"] == {"ok": 3, "timeout": 1}
    assert retrieval["seconds"] == 3.5
    (measure,) = retrieval["measures"]
    assert measure["value"] == 0.913
    assert measure["ci95"] == [0.8807, 0.9453]
    assert measure["seeds"] == 3
    assert data["experiments"]["experiments"][1]["measures"][0]["provenance"] == ["simulated"]
    assert data["numbers"]["counts"] == {"bound": 1, "by_value": 1, "unbound": 1}
    assert data["numbers"]["listed"][0]["shown"] == "42"
    assert data["citations"]["counts"] == {"in_bibliography": 1, "missing": 1}
    beside = next(row for row in data["citations"]["listed"] if row["key"] == "k1")
    assert (beside["sentence"], beside["support"]) == ("BM25 is strong [k1].", "We show it.")


def test_errors_are_grouped_and_silence_is_named(tmp_path: Path, results: ExperimentResults) -> None:
    data = told(tmp_path, results, "failed", "error").data
    grouped = {(e["kind"], e["message"]): e["count"] for e in data["errors"]}
    assert grouped[("stage_failed", "ModelError: no answer after 3 tries")] == 2
    assert grouped[("execution timeout", "Killed after 60 s")] == 1
    assert grouped[("model effect", "UnparsableAnswerError: no JSON in it")] == 1
    (scholar, crossref) = data["outages"]
    assert (scholar["count"], scholar["where"], scholar["last"] - scholar["at"]) == (2, "literature; related", 5)
    assert (crossref["count"], crossref["message"]) == (1, "crossref is down")
    assert [round(stretch["seconds"]) for stretch in data["idle"]] == [3980]
    assert {"message": "latex: figure 'x' does not exist", "count": 2} in data["remarks"]
    assert data["choices"] == ["policy auto: extractive, because no model is configured"]


def test_what_was_in_flight_at_a_kill_is_told_as_spent(tmp_path: Path) -> None:
    async def main() -> Mapping[str, bytes]:
        task = ResearchTask(topic="Retrieval")
        run = await create_run(tmp_path, new_record(task), task, in_loop=False)
        key = EffectKey("c0", "write", 1, "model", "0" * 64, 0)
        await run.begin_effect(key, "q", Usage(prompt_tokens=100, completion_tokens=400, model_calls=1, requests=8))
        await run.close()
        # To the next driver, an effect without an outcome was in flight when the last one died.
        await (await open_run(tmp_path / "r1", in_loop=False)).close()
        return await ReportExporter(Word()).export(None, read_run(tmp_path / "r1"), None)  # type: ignore[arg-type]

    said = Told(asyncio.run(main()))
    lost = said.data["lost_to_kills"]
    assert (lost["effects"], lost["tokens"], lost["model_calls"], lost["requests"]) == (1, 500, 1, 8)
    assert "8 requests" in said.md and "8 requests" in said.html
    sentence = "what they really used is not known, so all that they could have used counts as spent"
    assert sentence in said.md
    assert sentence in said.html


def test_who_judged_is_told(tmp_path: Path, results: ExperimentResults) -> None:
    one = {"default": ModelChoice(name="openai/m")}
    shared = told(
        tmp_path / "a", results, "finished", "accepted", reviewer="prompted", judge="deepreviewer", models=one
    )
    assert shared.data["judged_by"]["same"] is False
    assert shared.data["judged_by"]["same_model"] is True
    assert "one model (openai/m) is behind both" in shared.data["judged_by"]["note"]
    two = {**one, "judge": ModelChoice(name="openai/other")}
    apart = told(
        tmp_path / "b", results, "finished", "accepted", reviewer="prompted", judge="deepreviewer", models=two
    )
    assert apart.data["judged_by"]["same_model"] is False


def test_open_questions_stand_on_lines_of_their_own(tmp_path: Path, results: ExperimentResults) -> None:
    lines = told(tmp_path, results, "finished", "accepted").md.splitlines()
    asked = [line for line in lines if line.startswith("- the reviews:")]
    assert asked
    assert all(line.count("the reviews:") == 1 for line in asked)
    assert lines[lines.index("## Commands") - 1] == ""


def test_a_rating_without_checks_is_not_said_to_count_them() -> None:
    rated = Review(reviewer="reviewer 1", rating=6.0, scale=Scale(calibrated=False))
    note = str(calibration(Assessment(reviews=(rated,), machine_made="prompted"))["note"])
    assert note.startswith("uncalibrated: ")
    assert "checks" not in note


def test_nothing_hostile_comes_alive(tmp_path: Path, results: ExperimentResults) -> None:
    report = told(tmp_path, results, "finished", "round_limit")
    page = Page(report.html)
    assert not page.tags & {"script", "link", "iframe", "img", "object", "form"}
    assert page.addresses == []
    assert "<script>alert(1)</script>" in "".join(page.words)
    assert "<script" not in report.html
    for line in report.md.splitlines():
        assert "<script" not in line.replace("\\<script", "")
        assert "](javascript" not in line.replace("\\](javascript", "")


def test_a_report_is_a_function_of_the_run(tmp_path: Path, results: ExperimentResults) -> None:
    first = told(tmp_path, results, "finished", "round_limit")
    again = asyncio.run(write_report(read_run(tmp_path / "r1")))
    assert dict(first.files) == dict(again)


def test_a_damaged_artefact_costs_the_report_only_what_it_held(tmp_path: Path, results: ExperimentResults) -> None:
    whole = told(tmp_path, results, "finished", "round_limit")
    reader = read_run(tmp_path / "r1")
    reader.artifacts.path(whole.data["candidates"][0]["manuscript"]).unlink()
    data = Told(asyncio.run(write_report(reader))).data
    assert any("Manuscript" in line for line in data["unreadable"])
    assert data["best"]["rating"] == 6.4
    assert data["best"]["title"] is None
    assert data["experiments"] == whole.data["experiments"]


def test_a_large_run_stays_below_a_megabyte(tmp_path: Path, results: ExperimentResults) -> None:
    async def main() -> Mapping[str, bytes]:
        task = ResearchTask(topic="t" * 3000)
        run = await create_run(tmp_path, new_record(task), task, in_loop=False)
        words = "many words " * 1500
        numbers = tuple(NumberCheck(shown=str(n), where=words, status="unbound", detail=words) for n in range(2000))
        cites = tuple(
            CitationCheck(key=f"k{n}", status="missing", sentence=words, support=words) for n in range(2000)
        )
        ref = await run.artifacts.put(canonical_json(CheckReport(numbers=numbers, citations=cites)))
        long = await run.artifacts.put(
            canonical_json(Assessment(questions=tuple(f"{n} {words}" for n in range(500))))
        )
        for n in range(40):
            await run.save_candidate(
                CandidateRow("c", n, "complete", check=ref, assessment=long, rating=1.0 + n / 9, reward=1.0)
            )
        for n in range(150):
            letters = "".join(chr(97 + (n // 26**i) % 26) for i in range(3))
            await run.add_event(RunEvent("r1", "stage_failed", BEGAN + n, f"{letters} {words}", "c", "write"))
            await run.add_event(RunEvent("r1", "outage", BEGAN + n, words, "c", "write"))
            await run.add_event(RunEvent("r1", "log", BEGAN + n, f"{letters} {words}", "c", "write"))
        await run.close()
        return await write_report(read_run(tmp_path / "r1"))

    report = Told(asyncio.run(main()))
    assert len(report.html) < 1_000_000
    assert len(report.md) < 1_000_000
    assert report.data["candidates"]


DRIVER = """
    import asyncio, os, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    from peercycle.core.base import artifact_ref, canonical_json
    from peercycle.core.runs import RunOptions, RunRecord
    from peercycle.core.writing import ResearchTask
    from peercycle.store.directory import create_run

    async def main():
        task = ResearchTask(topic="a topic")
        record = RunRecord(run_id="r1", created_at=1.0, peercycle_version="0", options=RunOptions(),
                           task=artifact_ref(canonical_json(task)), fingerprint={})
        run = await create_run(Path(sys.argv[1]), record, task, in_loop=False)
        print("driving", flush=True)
        await asyncio.sleep(60)

    asyncio.run(main())
"""


def test_a_killed_driver_is_told_apart_from_one_at_work(tmp_path: Path) -> None:
    source = str(Path(__file__).resolve().parents[2] / "src")
    argv = [sys.executable, "-c", textwrap.dedent(DRIVER), str(tmp_path), source]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"driving\n"
        running = Told(asyncio.run(write_report(read_run(tmp_path / "r1")))).data
        os.kill(child.pid, signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
    crashed = Told(asyncio.run(write_report(read_run(tmp_path / "r1")))).data
    assert running["status"] == "running"
    assert crashed["status"] == "crashed"
    assert crashed["next_steps"][0].startswith("Resume it")


def test_a_count_of_one_has_a_singular_unit() -> None:
    assert [unit("words", 1.0), unit("words", 2.0), unit("words", None)] == ["word", "words", "words"]
    assert unit("ms", 1.0) == "ms"


def test_a_failed_run_without_a_paper_has_no_score_to_explain(tmp_path: Path, results: ExperimentResults) -> None:
    report = told(tmp_path, results, "failed", "error", empty=True)
    assert report.data["judged_by"]["note"] == "Nobody judged: there is no complete paper."
    assert "| What the score means | nothing: no paper was scored |" in report.md
    for page in (report.md, report.html):
        assert "gave this score" not in page


def test_an_address_at_the_beginning_of_a_sentence_keeps_its_small_letter() -> None:
    assert sentence("http://127.0.0.1:1/v1 does not answer") == "http://127.0.0.1:1/v1 does not answer."
    assert sentence("it ended") == "It ended."
