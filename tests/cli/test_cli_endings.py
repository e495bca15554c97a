"""The last lines of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from peercycle.cli.endings import ending_lines
from peercycle.core.reviews import Assessment, Check, Review, Scale
from peercycle.core.runs import NO_USE_TO_RESUME
from peercycle.graphs.result import RunResult

Command = Callable[..., Any]


def test_a_score_is_told_with_what_gave_it(tmp_path: Path) -> None:
    checks = (Check(name="a", passed=True), Check(name="b", passed=False))
    steering = Assessment(reviews=(Review(rating=9.0, scale=Scale(calibrated=False), checks=checks),))
    judged = Assessment(reviews=(Review(rating=5.0, scale=Scale(low=0, high=20)),))

    def score(rating: float, judgement: Assessment | None) -> str:
        result = RunResult(
            "r1", tmp_path, "finished", "accepted", "", None, steering, rating, (), 0, judgement=judgement
        )
        return ending_lines(result)[1]

    assert score(5.0, judged) == "rating: 5.00 on 0 to 20"
    by_checks = "checks passed: 1 of 2, uncalibrated: no measure of the paper's quality"
    assert score(9.0, None) == score(9.0, Assessment()) == by_checks


def test_a_run_that_a_refusal_for_good_ended_is_never_said_to_go_on_by_a_resume(
    peercycle: Command, ran: Command, folder: Path
) -> None:
    """The refusal is the effect's outcome: a resume reads it in the journal, and asks nobody."""
    (folder / "answers.json").write_text('[{"when": "", "error": "refused"}]')
    model = ("--policy", "prompted", "--model", "scripted", "--set", 'models.scripted.file="answers.json"')
    told = [ran(*model, "--candidates", "2").out.splitlines()[-1], peercycle("status", "r1").out.splitlines()[-1]]
    (folder / "answers.json").write_text('["up again"]')
    told.append(peercycle("resume", "r1").out.splitlines()[-1])
    assert told == [NO_USE_TO_RESUME] * 3
    report = (folder / "runs" / "r1" / "report.md").read_text()
    assert NO_USE_TO_RESUME in report
    assert "peercycle resume" not in report


def test_a_queue_of_refusals_for_good_is_not_said_to_go_on(peercycle: Command, folder: Path) -> None:
    (folder / "answers.json").write_text('[{"when": "", "error": "refused"}]')
    (folder / "tasks.jsonl").write_text('{"topic": "sorting networks", "bibliography": "refs.bib"}\n')
    model = ("--policy", "prompted", "--model", "scripted", "--set", 'models.scripted.file="answers.json"')
    assert peercycle("run", "tasks.jsonl", *model).code == 1
    (queue,) = (folder / "runs").glob("queue-*")
    assert "go on with" not in peercycle("status", queue.name).out
    report = (queue / "report.md").read_text()
    assert NO_USE_TO_RESUME in report
    assert "peercycle resume" not in report
