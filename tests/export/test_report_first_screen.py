"""What the report tells first: failures, reasons, revisions thrown away, and what a score counts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from peercycle.core.base import Word, artifact_ref, canonical_json
from peercycle.core.events import RunEvent
from peercycle.core.experiments import Execution, ExperimentPlan, ExperimentResults
from peercycle.core.journal import CandidateRow
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.reviews import Assessment, Check, Review, ReviewPoint, Scale
from peercycle.core.runs import RunOptions, RunRecord, Terminal
from peercycle.core.writing import CheckReport, CitationCheck, Manuscript, NumberCheck, PointOutcome, ResearchTask
from peercycle.export.account.gathering import Gathered, Version
from peercycle.export.account.steps import next_steps
from peercycle.export.account.troubles import errors
from peercycle.export.report import write_report
from peercycle.store.directory import create_run, read_run

ASKED = ReviewPoint(id="interval.1", text="Report an interval", check="intervals")
TITLE = r"Notes on \textbackslash{}input and ``quoted'' words"


def assessment(*, calibrated: bool = False) -> Assessment:
    review = Review(
        reviewer="rubric",
        rating=9.61,
        scale=Scale(calibrated=calibrated),
        checks=(
            *(Check(name=f"c{n}", passed=True) for n in range(30)),
            Check(name="intervals", passed=False, evidence="1 of 4 means has one"),
            Check(name="words", passed=False, evidence="3 are misspelt"),
        ),
        points=(ASKED,),
    )
    return Assessment(reviews=(review,), machine_made="rubric")


def outcome(**changes: Any) -> PointOutcome:
    return PointOutcome(**{"point": "r1.interval.1", "text": ASKED.text, "end": "done", "round": 1, **changes})


class Written:
    """A run of two drafts and one revision on disk, and its report."""

    def __init__(
        self,
        place: Path,
        *,
        results: ExperimentResults | None = None,
        plan: ExperimentPlan | None = None,
        outcomes: tuple[PointOutcome, ...] = (),
        choices: tuple[str, ...] = (),
        options: Mapping[str, Any] | None = None,
        calibrated: bool = False,
        second: float = 9.61,
        message: str = "1 of 1 rounds were done",
        judgement: Assessment | None = None,
    ) -> None:
        self.given = (results, plan, outcomes, calibrated, second)
        self.judgement = judgement
        task = ResearchTask(topic="tides")
        self.record = RunRecord(
            run_id="r", created_at=1.0, peercycle_version="0", options=RunOptions(**(options or {})),
            task=artifact_ref(canonical_json(task)), fingerprint={}, choices=choices,
        )  # fmt: skip
        files = asyncio.run(self._write(place, task, message))
        self.data: Any = json.loads(files["report.json"])
        self.md, self.html = files["report.md"].decode(), files["report.html"].decode()
        self.first = self.md.partition("## Next steps")[0]

    async def _write(self, place: Path, task: ResearchTask, message: str) -> Mapping[str, bytes]:
        results, plan, outcomes, calibrated, second = self.given
        run = await create_run(place, self.record, task, in_loop=False)

        async def save(value: Word | list[Any] | None) -> str | None:
            return None if value is None else await run.artifacts.put(canonical_json(value))

        check = CheckReport(
            numbers=(
                *(
                    NumberCheck(shown=f"0.{n}", where="Results", status="bound", measurement=f"m{n}")
                    for n in range(9)
                ),
                NumberCheck(shown="5{,}000", where="Results", status="unbound"),
            ),
            citations=(CitationCheck(key="k", status="in_bibliography", sentence=r"By \citet{k}, it is."),),
        )
        held = {
            "manuscript": await save(Manuscript(title=TITLE, abstract="x")),
            "results": await save(results),
            "check": await save(check),
            "assessment": await save(assessment(calibrated=calibrated)),
        }
        state: dict[str, Any] = {"plan": await save(plan)} if plan is not None else {}
        ended: list[Any] = [o.model_dump(mode="json") for o in outcomes]
        for name, round_, score in (("c0", 0, 9.61), ("c1", 0, second), ("c0", 1, 9.5)):
            await run.save_candidate(
                CandidateRow(
                    name, round_, "complete", **held, reward=score, rating=score,
                    selected=(name, round_) == ("c0", 0),
                    state={**state, "outcomes": await save(ended)} if round_ else state,
                )
            )  # fmt: skip
        if self.judgement is not None:
            await run.save_assessment("c0", 0, "judge", self.judgement, None)
        terminal = Terminal(status="finished", reason="no_gain", message=message, at=9.0)
        await run.write_record(self.record.model_copy(update={"terminal": terminal}))
        await run.close()
        return await write_report(read_run(place / "r"))


def executions(*statuses: str) -> ExperimentResults:
    script = artifact_ref(b"x")
    return ExperimentResults(
        executions=tuple(
            Execution(
                id=f"e{n}", experiment="study", seed=n, status=status, script=script,
                error=None if status == "ok" else "Traceback\nValueError: no <b>convergence</b>\n",
            )
            for n, status in enumerate(statuses)
        )
    )  # fmt: skip


def test_the_first_step_names_what_failed(tmp_path: Path) -> None:
    report = Written(tmp_path, results=executions("ok", "nonzero", "nonzero", "timeout"))
    assert report.data["next_steps"][0] == (
        "Mend experiment 'study': 3 of 4 executions failed (2 nonzero, 1 timeout): ValueError: no <b>convergence</b>"
    )
    assert "3 of 4 executions failed" in report.first
    assert "3 of 4" in report.html.partition("<h2>Next steps")[0]
    assert "<b>convergence" not in report.html


def test_a_program_that_was_repaired_is_no_failure_and_nothing_to_mend(tmp_path: Path) -> None:
    first = executions("nonzero").executions[0]
    repaired = first.model_copy(update={"id": "again", "status": "ok", "error": None, "attempt": 2})
    report = Written(tmp_path, results=ExperimentResults(executions=(first, repaired)))
    assert (report.data["experiments"]["failed"], report.data["experiments"]["executions"]) == (0, 1)
    assert "executions failed" not in report.md


def test_nothing_is_said_of_failures_where_there_was_none(tmp_path: Path) -> None:
    report = Written(tmp_path, results=executions("ok", "ok"))
    assert "executions failed" not in report.md
    assert not [step for step in report.data["next_steps"] if "no experiment" in step]


REASONS: dict[str, tuple[dict[str, Any], str, bool]] = {
    "as asked": (
        {"options": {"experiments": "off"}, "choices": ("experiments: off, as asked",)},
        "off, as asked",
        False,
    ),
    "no sandbox": (
        {"options": {"experiments": "off"}, "choices": ("experiments: off, because no sandbox passes its probe: x",)},
        "off, because no sandbox passes its probe: x",
        True,
    ),
    "declined": (
        {"options": {"experiments": "run"}, "plan": ExperimentPlan(declined="the list has two abstracts")},
        "the list has two abstracts",
        False,
    ),
    "recorded": (
        {"results": ExperimentResults(mode="off", reason="the policy went home.")},
        "the policy went home",
        False,
    ),
    "unknown": ({}, "no reason is recorded", False),
}


@pytest.mark.parametrize("which", REASONS)
def test_why_there_is_no_experiment_is_told_truly(tmp_path: Path, which: str) -> None:
    given, reason, doctor = REASONS[which]
    report = Written(tmp_path, **given)
    (step,) = [step for step in report.data["next_steps"] if "no experiment" in step]
    assert step.startswith(f"The paper has no experiment: {reason}.")
    assert ("peercycle doctor" in step) == doctor
    assert f"None: {reason}." in report.md.replace("\\", "")


def test_what_a_discarded_revision_answered_is_open(tmp_path: Path) -> None:
    report = Written(tmp_path, outcomes=(outcome(answer="Added."),))
    (step,) = [step for step in report.data["next_steps"] if ASKED.text in step]
    assert "answered in round 1, but that revision was thrown away" in step
    assert report.data["revisions"][0]["taken"] is False
    for text in (report.md, report.html):
        assert "the paper does not hold these answers" in text


def test_a_declined_point_is_open_with_its_reason(tmp_path: Path) -> None:
    report = Written(tmp_path, outcomes=(outcome(end="declined", answer="too costly", reason="too costly"),))
    (step,) = [step for step in report.data["next_steps"] if ASKED.text in step]
    assert step.endswith("(declined in round 1: too costly)")
    assert report.md.count("too costly") == 2


def test_a_failing_check_without_a_point_is_a_next_step(tmp_path: Path) -> None:
    steps = Written(tmp_path).data["next_steps"]
    assert "A check does not hold, `words`: 3 are misspelt" in steps
    assert not [step for step in steps if "`intervals`" in step]


def test_an_uncalibrated_score_is_shown_as_checks(tmp_path: Path) -> None:
    report = Written(tmp_path)
    assert "**30 of 32 checks passed** (uncalibrated: 9.61 on 1-10)" in report.first
    assert "<b>30 of 32</b>" in report.html
    fitted = Written(tmp_path / "b", calibrated=True)
    assert "**30 of 32 checks" not in fitted.first
    assert "<b>9.61</b>" in fitted.html


def test_the_score_of_a_judge_of_its_own_is_explained_by_the_judge(tmp_path: Path) -> None:
    said = Review(
        reviewer="deepreviewer", rating=5.25, scale=Scale(low=0, high=20, calibrated=True, note="ICLR's form")
    )
    judgement = Assessment(reviews=(said,), decision="reject", machine_made="deepreviewer")
    options = {"judge": "deepreviewer"}
    report = Written(tmp_path / "a", options=options, judgement=judgement)
    best = report.data["best"]
    assert (best["rating"], best["decision"], best["score_scale"]) == (5.25, "reject", [0, 20])
    assert (best["score_note"], best["by_checks"]) == ("ICLR's form", False)
    assert "| Best | 5.25 on 0-20, c0 in round 0" in report.first
    assert "| What the score means | ICLR's form |" in report.first
    assert "<b>5.25</b><span>best score, scale 0 to 20" in report.html
    silent = Written(tmp_path / "b", options=options, judgement=Assessment(machine_made="deepreviewer"))
    assert "**30 of 32 checks passed** (uncalibrated: 9.61 on 1-10)" in silent.first
    assert "deepreviewer gave the best version no rating: the score is rubric's." in silent.first


def test_a_tie_is_called_one_and_near_scores_get_digits(tmp_path: Path) -> None:
    def why(report: Written) -> str:
        return next(str(row["why"]) for row in report.data["candidates"] if row["candidate"] == "c1")

    tied = Written(tmp_path / "a")
    assert why(tied) == "not selected: a tie with the draft that was"
    near = Written(tmp_path / "b", second=9.6074)
    assert why(near) == "not selected: another draft scored higher"
    assert "9.607" in near.md
    assert "9.610" in near.md


def test_sentences_end_and_count(tmp_path: Path) -> None:
    report = Written(tmp_path, message="1 round(s) in a row without a better reward")
    assert "1 round in a row without a better reward. Best paper:" in report.html
    assert "2 rounds" in Written(tmp_path / "b", message="2 round(s) in a row").md


def test_titles_numbers_and_citations_are_plain_text(tmp_path: Path) -> None:
    report = Written(tmp_path)
    assert report.data["best"]["title"] == "Notes on \\input and “quoted” words"
    assert "Notes on \\input and “quoted” words" in report.html
    for text in (report.md, report.html):
        assert "textbackslash" not in text
        assert "citet" not in text
        assert "5,000" in text


def test_bound_numbers_are_counted_and_the_others_listed(tmp_path: Path) -> None:
    report = Written(tmp_path)
    assert "9 in Results" in report.md
    for text in (report.md, report.html):
        assert ", each place counted; the paper's" in text
    assert "| 0.3 |" not in report.md
    assert "| 5,000 | Results | unbound |" in report.md
    assert len(report.data["numbers"]["listed"]) == 10


def test_what_went_wrong_and_spending_come_before_the_long_tables(tmp_path: Path) -> None:
    report = Written(tmp_path)
    for text, mark in ((report.md, "## "), (report.html, "<h2>")):
        places = [
            text.index(mark + name) for name in ("What went wrong", "Spending", "What each number", "Citations")
        ]
        assert places == sorted(places)


def test_the_selected_dot_lies_on_top(tmp_path: Path) -> None:
    dots = [part.partition('"')[0] for part in Written(tmp_path).html.split('<circle class="')[1:]]
    assert sorted(dots) == ["chosen", "other", "other"]
    assert dots[-1] == "chosen"


def test_a_further_entry_of_a_cited_work_is_not_advised_to_be_dropped() -> None:
    cited = Reference(key="kept", title="Notes on walls", year=2001, authors=("Ann Lee",), ids={"doi": "10.1/x"})
    twin = cited.model_copy(update={"key": "twin"})
    entries = (cited, twin, Reference(key="alone", title="Dunes", year=1999))
    best = Version(
        row=CandidateRow(candidate="c0", round=0, status="complete"),
        check=CheckReport(uncited=("twin", "alone", "gone")),
        bibliography=Bibliography(entries=entries),
    )
    record = RunRecord(
        run_id="r", created_at=0.0, peercycle_version="0", options=RunOptions(), task=artifact_ref(b"t"), fingerprint={}
    )  # fmt: skip
    run = Gathered(path="r", record=record, task=None, versions=[best], spending=(), events=[], questions=())
    steps = next_steps(run, "finished")
    assert [step for step in steps if step.startswith("Use or drop")] == [
        "Use or drop 2 works that nothing cites: alone, gone."
    ]


def test_an_error_that_only_begins_like_another_is_told_and_one_that_is_passed_on_is_not() -> None:
    ended = [
        RunEvent("r", "stage_failed", 1.0, "ValueError: no", "c0", "write"),
        RunEvent("r", "stage_failed", 2.0, "StageError: every candidate failed: c0: write: no", "", "select"),
        RunEvent("r", "export_failed", 3.0, "PDF: no answer came"),
    ]
    row = CandidateRow(candidate="c0", round=0, status="failed", error="write: no")
    record = RunRecord(
        run_id="r", created_at=0.0, peercycle_version="0", options=RunOptions(), task=artifact_ref(b"t"), fingerprint={}
    )  # fmt: skip
    run = Gathered(
        path="r", record=record, task=None, versions=[Version(row=row)], spending=(), events=ended, questions=()
    )
    assert [group["message"] for group in errors(run) if isinstance(group, dict)] == [
        "PDF: no answer came",
        "ValueError: no",
    ]
