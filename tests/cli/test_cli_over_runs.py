"""The commands over a run that is there: status, resume, stop, answer, logs, report, replay, rm."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peercycle.cli.listing import spending_text
from peercycle.core.runs import SpendingLine

Command = Callable[..., Any]


def test_status_lists_all_runs_and_one_in_full(ran: Command, peercycle: Command) -> None:
    assert "no runs in 'runs'" in peercycle("status").out
    ran("--run-id", "first")
    ran("--run-id", "second")
    heads, *rows = [line.split("\t") for line in peercycle("status").out.splitlines()]
    assert heads == ["run", "status", "in hand", "idle", "rating", "topic"]
    assert [(row[0], row[1], row[-1]) for row in rows] == [
        ("first", "finished: round_limit", "sorting networks"),
        ("second", "finished: round_limit", "sorting networks"),
    ]
    listed = peercycle("status", "--json").json["runs"]
    assert [each["run_id"] for each in listed] == ["first", "second"]
    one = peercycle("status", "fir", "--json").json
    assert one == listed[0]
    assert (one["status"], one["reason"], one["rating"], one["idle_seconds"]) == (
        "finished",
        "round_limit",
        5.0,
        None,
    )
    assert {line["name"] for line in one["spending"]} >= {"tokens", "hours", "sandbox_seconds"}


def test_a_long_topic_is_shortened_for_people_alone(peercycle: Command) -> None:
    topic = "sorting " * 2500
    assert peercycle("run", "refs.bib", "--topic", topic, "--run-id", "r1", "--rounds", "0").code == 0
    for said in (peercycle("status").out, peercycle("status", "r1").out):
        assert "sorting sorting" in said and "…" in said
        assert max(map(len, said.splitlines())) < 160
    assert peercycle("status", "r1", "--json").json["topic"] == topic.strip()


@pytest.mark.parametrize("command", ["status", "resume", "logs", "report", "replay"])
def test_a_run_goes_by_path_id_and_unique_beginning(ran: Command, peercycle: Command, command: str) -> None:
    ran("--run-id", "night-1")
    for name in ("runs/night-1", "night-1", "nig"):
        assert peercycle(command, name).code == 0


def test_one_damaged_run_hides_no_other_in_the_list(ran: Command, peercycle: Command, folder: Path) -> None:
    ran("--run-id", "good")
    ran("--run-id", "torn")
    (folder / "runs" / "torn" / "run.json").write_text("{")
    done = peercycle("status")
    assert done.code == 0
    assert [line.split("\t")[1] for line in done.out.splitlines()[1:]] == ["finished: round_limit", "unreadable"]


def test_resume_extends_and_a_second_one_returns_at_once(ran: Command, peercycle: Command) -> None:
    assert ran("--json").lines[-1]["rounds"] == 1
    extended = peercycle("resume", "r1", "--rounds", "2", "--patience", "5", "--json")
    assert (extended.code, extended.lines[-1]["rounds"]) == (0, 2)
    assert extended.lines[0]["event"] == "launch"
    stages = [line["stage"] for line in extended.lines if line["event"] == "stage_started"]
    assert stages[0] == "revise", "what the log held before is not told again"
    again = peercycle("resume", "r1", "--json")
    assert [line["event"] for line in again.lines] == ["launch", "done"]


def test_resume_of_one_run_refuses_what_is_for_queues(ran: Command, peercycle: Command) -> None:
    ran()
    done = peercycle("resume", "r1", "--rounds", "2", "--parallel", "4")
    assert (done.code, done.err) == (2, "error: --parallel is for a queue of tasks; r1 is one run\n")


def test_a_resume_checks_its_limits_as_a_run_does(ran: Command, peercycle: Command) -> None:
    ran()
    done = peercycle("resume", "r1", "--max-tokens", "0")
    assert (done.code, done.err) == (2, "error: --max-tokens 0: must be at least 1; leave it out for no limit\n")


def test_a_run_that_spent_its_time_goes_on_with_more(ran: Command, peercycle: Command) -> None:
    arguments = ("--set", "policies.scripted.effect_s=0.3", "--max-hours", "0.00001", "--json")
    assert ran(*arguments).lines[-1]["status"] == "stopped"
    done = peercycle("resume", "r1", "--max-hours", "1", "--json")
    assert (done.code, done.lines[-1]["status"]) == (0, "finished")


def test_a_time_that_is_past_does_not_stop_a_resume(ran: Command, peercycle: Command, folder: Path) -> None:
    ran("--rounds", "0")
    path = folder / "runs" / "r1" / "run.json"
    record = json.loads(path.read_text())
    record["options"]["budget"]["until"] = 1.0
    path.write_text(json.dumps(record))
    assert peercycle("resume", "r1", "--rounds", "1", "--json").lines[-1]["status"] == "finished"


def test_logs_are_lines_by_stage_and_candidate(ran: Command, peercycle: Command) -> None:
    ran("--candidates", "2")
    lines = peercycle("logs", "r1", "--json").lines
    assert lines[0]["event"] == "launched"
    assert lines[-1]["event"] == "ended"
    only = peercycle("logs", "r1", "--stage", "write", "--candidate", "c1", "--json").lines
    assert [(line["stage"], line["candidate"]) for line in only] == [("write", "c1"), ("write", "c1")]
    plain = peercycle("logs", "r1", "--stage", "write", "--candidate", "c1").out.splitlines()
    assert plain[0].endswith("c1 write started")
    assert len(peercycle("logs", "r1", "-f").out.splitlines()) == len(lines), "nobody drives it, so -f ends"


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (("--stage", "nope"), "error: the log names no stage 'nope'; it names: check, conclude, "),
        (("--candidate", "c9"), "error: the log names no candidate 'c9'; it names: c0\n"),
    ],
)
def test_logs_of_what_a_run_does_not_have_name_what_it_has(
    ran: Command, peercycle: Command, asked: tuple[str, str], line: str
) -> None:
    ran("--rounds", "0")
    done = peercycle("logs", "r1", *asked)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(line)


def test_a_report_that_is_lost_is_written_again(ran: Command, peercycle: Command, folder: Path) -> None:
    ran()
    report = folder / "runs" / "r1" / "report.md"
    before = report.read_text()
    report.unlink()
    done = peercycle("report", "r1")
    assert done.out.splitlines()[0] == "runs/r1/report.html"
    assert "sorting networks" in report.read_text()
    assert report.read_text().splitlines()[0] == before.splitlines()[0]


def test_a_replay_makes_the_same_artefacts_and_one_that_does_not_exits_with_1(
    ran: Command, peercycle: Command, folder: Path
) -> None:
    ran()
    done = peercycle("replay", "r1", "--json")
    assert (done.code, done.json["differences"]) == (0, [])
    assert done.json["effects"] > 0
    assert "every artefact is the same" in peercycle("replay", "r1").out
    paper = folder / "runs" / "r1" / "paper" / "paper.tex"
    paper.write_text(paper.read_text() + "% changed by hand\n")
    done = peercycle("replay", "r1")
    assert done.code == 1
    assert "paper/paper.tex: differs" in done.out


def test_rm_asks_and_removes(ran: Command, peercycle: Command, folder: Path, monkeypatch: Any) -> None:
    ran()
    monkeypatch.setattr("typer.confirm", lambda question: False)
    assert peercycle("rm", "r1").out.splitlines()[-1] == "nothing was removed"
    assert (folder / "runs" / "r1").exists()
    refused = peercycle("rm", "r1", "--json")
    assert (refused.code, "--yes" in refused.err) == (2, True)
    assert peercycle("rm", "r1", "--yes", "--json").json["removed"] is True
    assert not (folder / "runs" / "r1").exists()


def test_stop_of_a_run_that_nobody_drives_leaves_nothing_behind(
    ran: Command, peercycle: Command, folder: Path
) -> None:
    ran()
    done = peercycle("stop", "r1", "--json")
    assert (done.code, done.json["asked"], done.json["status"]) == (0, False, "finished")
    assert not (folder / "runs" / "r1" / "stop").exists()


@pytest.mark.parametrize(
    "answer", [["A paper by two"], ['{"title": "A paper by two"}'], ["--json-value", '{"title": "A paper by two"}']]
)
def test_a_run_waits_for_an_answer_and_goes_on_with_it(ran: Command, peercycle: Command, answer: list[str]) -> None:
    waiting = ran("--set", "policies.scripted.ask=true", "--rounds", "0", "--json")
    assert (waiting.code, waiting.lines[-1]["status"]) == (3, "waiting")
    [question] = peercycle("status", "r1", "--json").json["questions"]
    assert question["schema"]["required"] == ["title"]
    assert "peercycle answer runs/r1" in peercycle("status", "r1").out
    assert peercycle("answer", "r1", "--question", question["id"], *answer, "--json").json["answer"] == {
        "title": "A paper by two"
    }
    done = peercycle("resume", "r1")
    assert done.code == 0
    assert "paper: A paper by two" in done.out


def test_a_plugin_from_a_file_is_the_same_in_a_resume_and_a_replay(
    ran: Command, peercycle: Command, folder: Path
) -> None:
    (folder / "heard.py").write_text(
        "from peercycle import hookimpl\n\n\n@hookimpl\ndef on_event(event):\n    pass\n\n\n"
        "@hookimpl\ndef register_exporters(register):\n    register('heard', lambda settings: None)\n"
    )
    assert ran("--rounds", "0", "--plugin", "./heard.py").code == 0
    assert peercycle("resume", "r1", "--rounds", "1").code == 0
    assert "every artefact is the same" in peercycle("replay", "r1").out
    (folder / "linked.py").symlink_to("heard.py")
    for again in ("./heard.py", "linked.py"):
        done = peercycle("resume", "r1", "--plugin", again)
        assert (done.code, done.err) == (0, "")
        assert "every artefact is the same" in peercycle("replay", "r1", "--plugin", again).out


def test_the_ending_of_a_run_that_waits_says_where_the_question_is(ran: Command) -> None:
    waiting = ran("--set", "policies.scripted.ask=true", "--rounds", "0")
    assert "what it asks, and how to answer: peercycle status runs/r1" in waiting.out


def test_the_commands_that_status_and_answer_print_can_be_typed_from_here(ran: Command, peercycle: Command) -> None:
    place = ("--runs-dir", "other place")
    ran("--set", "policies.scripted.ask=true", "--rounds", "0", *place)
    said = peercycle("status", "r1", *place).out
    assert "peercycle answer 'other place/r1' --question q" in said
    assert "peercycle resume 'other place/r1'" in said
    assert "peercycle resume 'other place/r1'" in peercycle("answer", "r1", "A paper", *place).out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give the answer once"),
        (["x", "--json-value", "{}"], "give the answer once"),
        (["x", "--question", "q0"], "--question ID; open: q"),
        (["--json-value", "{"], "is not JSON"),
        (["--json-value", '{"name": 1}'], "lacks title"),
    ],
)
def test_an_answer_that_cannot_be_meant_changes_nothing(
    ran: Command, peercycle: Command, arguments: list[str], words: str
) -> None:
    ran("--set", "policies.scripted.ask=true", "--rounds", "0")
    done = peercycle("answer", "r1", *arguments)
    assert (done.code, words in done.err) == (2, True), done
    assert len(peercycle("status", "r1", "--json").json["questions"]) == 1


def test_large_amounts_are_written_out() -> None:
    line = SpendingLine(name="tokens", limit=2_000_000, spent=30_344, reserved=54_520)
    assert spending_text(line) == "30,344 (and 54,520 reserved) of 2,000,000"
    assert spending_text(SpendingLine(name="cost", limit=0.05, spent=0.0123)) == "0.0123 of 0.05"
