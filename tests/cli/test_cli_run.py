"""`peercycle run`: what is printed, how it exits, and where everything is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = Callable[..., Any]

DONE_KEYS = ["event", "run_id", "path", "status", "reason", "rating", "candidates", "rounds"]


def test_json_is_lines_from_launch_to_done_and_nothing_else(ran: Command, folder: Path) -> None:
    done = ran("--json", "--candidates", "2")
    assert done.code == 0
    first, last = done.lines[0], done.lines[-1]
    assert first == {"event": "launch", "run_id": "r1", "path": str(folder / "runs" / "r1"), "pid": os.getpid()}
    assert list(last) == DONE_KEYS
    assert (last["event"], last["status"], last["reason"]) == ("done", "finished", "round_limit")
    assert (last["rating"], last["candidates"], last["rounds"]) == (5.0, 2, 1)
    events = [line["event"] for line in done.lines[1:-1]]
    assert events.count("stage_started") == events.count("stage_finished") > 0
    assert "done" not in events
    assert "launch" not in events


def test_a_rating_that_nobody_gave_is_null_in_the_done_line(ran: Command) -> None:
    done = ran("--json", "--set", "reviewers.scripted.ratings=[null]")
    assert done.lines[-1]["rating"] is None


def test_in_a_pipe_the_first_line_names_the_policy_and_the_last_ones_say_where_everything_is(
    ran: Command, folder: Path
) -> None:
    done = ran()
    lines = done.out.splitlines()
    assert lines[0] == "policy: scripted"
    assert "run r1 in runs/r1: 2 works read" in lines
    assert "c0 outline started" in lines
    assert any(line.startswith("finished: round_limit") for line in lines)
    places = dict(line.split(": ", 1) for line in lines if line.startswith(("paper (", "report (")))
    assert places["paper (TEX)"] == "runs/r1/paper/paper.tex"
    assert places["report (HTML)"] == "runs/r1/report.html"
    assert all((folder / place).is_file() for place in places.values())
    assert "rating: 5.00 on 1 to 10, uncalibrated: no measure of the paper's quality" in lines
    assert done.err == ""


def test_auto_says_what_it_became_and_why(ran: Command, folder: Path) -> None:
    (folder / "peercycle.toml").write_text('[run]\nsandbox = "none"\nexporters = []\nreviewer = "scripted"\n')
    done = ran("--rounds", "0", "--candidates", "1")
    lines = done.out.splitlines()
    assert lines[0] == ("policy: extractive, because no model is configured (--model, settings or PEERCYCLE_MODEL)")
    assert "experiments: off, as asked" in lines


def test_the_command_has_defaults_of_its_own_and_settings_and_flags_win_over_them(
    peercycle: Command, folder: Path
) -> None:
    settings = (folder / "peercycle.toml").read_text()
    (folder / "peercycle.toml").write_text(
        settings.replace("candidates = 1\n", "").replace("rounds = 1", "rounds = 0")
    )
    arguments = ("run", "refs.bib", "--topic", "sorting", "--json")
    assert peercycle(*arguments).lines[-1]["candidates"] == 3
    done = peercycle(*arguments, "--candidates", "2", "--run-id", "flagged")
    assert (done.lines[-1]["candidates"], done.lines[-1]["rounds"]) == (2, 0)


def test_settings_come_from_file_then_environment_then_set(ran: Command, folder: Path, monkeypatch: Any) -> None:
    with (folder / "peercycle.toml").open("a") as file:
        file.write("[reviewers.scripted]\nratings = [1.0]\n")
    assert ran("--json", "--run-id", "a").lines[-1]["rating"] == 1.0
    monkeypatch.setenv("PEERCYCLE_REVIEWERS__SCRIPTED__RATINGS", "[2.0]")
    assert ran("--json", "--run-id", "b").lines[-1]["rating"] == 2.0
    done = ran("--json", "--run-id", "c", "--set", "reviewers.scripted.ratings=[3.0]")
    assert done.lines[-1]["rating"] == 3.0


def test_a_run_that_fails_exits_with_1_and_says_so_in_the_done_line(ran: Command) -> None:
    done = ran("--json", "--set", "policies.scripted.fail_stage=write")
    assert done.code == 1
    assert (done.lines[-1]["status"], done.lines[-1]["reason"]) == ("failed", "error")
    assert done.lines[-1]["rating"] is None


def test_a_run_that_fails_says_how_to_go_on_once_it_is_mended(ran: Command, peercycle: Command) -> None:
    hint = "once its cause is mended, go on with: peercycle resume runs/r1"
    assert ran("--set", "policies.scripted.fail_stage=write").out.splitlines()[-1] == hint
    assert peercycle("status", "r1").out.splitlines()[-1] == hint


def test_what_ended_a_candidate_is_printed_once(ran: Command, peercycle: Command, folder: Path) -> None:
    done = ran("--set", "policies.scripted.fail_stage=write")
    said = "scripted to fail at 'write'"
    assert done.out.count(said) == 1
    assert "failed: error (every candidate failed: c0: write: see above)" in done.out.splitlines()
    # Who did not see it happen is told it whole.
    assert peercycle("status", "r1").out.count(said) == 1
    report = (folder / "runs" / "r1" / "report.md").read_text()
    assert report.partition("## What went wrong")[2].partition("\n## ")[0].count(said) == 1


def test_an_outage_is_printed_once(ran: Command, folder: Path) -> None:
    (folder / "answers.json").write_text('[{"when": "", "error": "outage", "text": "none"}]')
    done = ran("--policy", "prompted", "--model", "scripted", "--set", 'models.scripted.file="answers.json"')
    lines = done.out.splitlines()
    assert done.code == 3
    (told,) = [line for line in lines if line.startswith("literature failed: OutageError: ")]
    assert done.out.count(told.removeprefix("literature failed: OutageError: ")) == 1
    assert "stopped: outage (see above)" in lines
    assert lines[-1] == "go on with: peercycle resume runs/r1"


def test_a_run_that_meets_its_time_exits_with_3_and_says_how_to_go_on(ran: Command) -> None:
    done = ran("--set", "policies.scripted.effect_s=0.5", "--max-hours", "0.00001")
    assert done.code == 3
    assert "stopped: budget" in done.out
    assert "go on with: peercycle resume runs/r1 --max-hours N" in done.out.splitlines()


def test_a_report_marks_a_limit_that_was_passed(ran: Command, folder: Path) -> None:
    # Whether it ends for that, or was done before anybody looked, the machine's speed decides.
    ran("--max-hours", "0.0000001", "--rounds", "0")
    for name in ("report.md", "report.html"):
        assert " (passed)" in (folder / "runs" / "r1" / name).read_text()


def test_options_of_a_run_are_recorded(ran: Command, folder: Path) -> None:
    ran("--max-tokens", "1000", "--on-outage", "wait:2h", "--seed", "7", "--patience", "2", "--experiments", "off")
    options = json.loads((folder / "runs" / "r1" / "run.json").read_text())["options"]
    assert options["budget"]["tokens"] == 1000
    assert (options["on_outage"], options["seed"], options["patience"]) == ("wait:2h", 7, 2)


def test_a_study_that_is_not_run_is_named_before_the_run_begins(ran: Command, folder: Path) -> None:
    (folder / "study.py").write_text("print('a study')\n")
    lines = ran("--experiment", "study.py", "--experiments", "off", "--rounds", "0").out.splitlines()
    said = lines.index("study: study is not run, as experiments are off")
    assert said < next(n for n, line in enumerate(lines) if line.startswith("run r1 in"))


def test_counts_of_one_are_singular(ran: Command, peercycle: Command) -> None:
    ran("--rounds", "0")
    assert "replayed 1 version from " in peercycle("replay", "r1").out


def test_a_study_of_ones_own_and_its_data_are_in_the_task(ran: Command, folder: Path) -> None:
    (folder / "study.py").write_text("print('a study')\n")
    (folder / "table.csv").write_text("a,b\n1,2\n")
    assert ran("--experiment", "study.py", "--data", "table.csv").code == 0
    record = json.loads((folder / "runs" / "r1" / "run.json").read_text())
    digits = record["task"].removeprefix("sha256:")
    task = json.loads((folder / "runs" / "r1" / "artifacts" / digits[:2] / digits).read_text())
    assert task["study"]["script"] == "print('a study')\n"
    assert task["study"]["data"][0]["name"] == "table.csv"


BRIEF = """from peercycle import hookimpl

class Brief:
    name = "check"

    async def __call__(self, state, ctx):
        return shorter(state["manuscript"])

def shorter(text):
    raise KeyError("title")

@hookimpl
def extend_graph(builder):
    builder.replace_stage("check", Brief())

@hookimpl
def on_event(event):
    if event.kind == "stage_started" and event.stage == "outline":
        return {}["heard"]
"""


def test_what_a_plugin_raises_is_told_with_its_file_and_line_in_terminal_log_and_report(
    ran: Command, peercycle: Command, folder: Path
) -> None:
    (folder / "brief.py").write_text(BRIEF)
    done = ran("--plugin", "brief.py")
    stage, listener = "KeyError: 'title' (brief.py:10)", "KeyError: 'heard' (brief.py:19)"
    assert stage in done.out
    assert stage in peercycle("logs", "r1").out
    report = (folder / "runs" / "r1" / "report.md").read_text().replace("\\_", "_")
    assert stage in report
    assert listener in report
    assert listener in peercycle("logs", "r1").out
    assert "Traceback" not in done.out + report
