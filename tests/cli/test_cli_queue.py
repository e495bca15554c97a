"""A queue of tasks: a launch and a done for each run, one report for all, and no failure that ends it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


def write(folder: Path, *tasks: dict[str, Any] | str) -> None:
    lines = [task if isinstance(task, str) else json.dumps(task) for task in tasks]
    (folder / "tasks.jsonl").write_text("\n".join(lines) + "\n")


def queue_of(folder: Path) -> Path:
    [found] = (folder / "runs").glob("queue-*")
    return found


def test_each_task_has_its_run_and_one_report_covers_all(peercycle: Command, folder: Path) -> None:
    write(
        folder,
        {"topic": "sorting networks", "bibliography": "refs.bib"},
        "",
        {"topic": "merging | in parallel", "bibliography": "refs.bib", "options": {"rounds": 0, "run_id": "named"}},
    )
    done = peercycle("run", "tasks.jsonl", "--parallel", "2", "--json")
    assert done.code == 0
    launches = [line for line in done.lines if line["event"] == "launch"]
    endings = [line for line in done.lines if line["event"] == "done"]
    assert done.lines[0]["event"] == "launch"
    assert done.lines[-1]["event"] == "done"
    assert {line["run_id"] for line in launches} == {line["run_id"] for line in endings}
    assert len(launches) == len(endings) == 2
    assert {line["run_id"]: line["rounds"] for line in endings}["named"] == 0
    report = json.loads((queue_of(folder) / "report.json").read_text())
    assert report["counts"] == {"finished": 2}
    assert [task["line"] for task in report["tasks"]] == [1, 3]
    page = (queue_of(folder) / "report.md").read_text()
    assert "merging \\| in parallel" in page
    for task in report["tasks"]:
        assert (queue_of(folder) / ".." / Path(task["path"]).name / "report.md").is_file()


def test_one_failure_never_ends_the_queue(peercycle: Command, folder: Path) -> None:
    failing = {"settings": {"policies": {"scripted": {"fail_stage": "write"}}}, "run_id": "bad"}
    taken = {"run_id": "taken"}
    (folder / "runs" / "taken").mkdir(parents=True)
    (folder / "runs" / "taken" / "mine.txt").write_text("mine\n")
    write(
        folder,
        {"topic": "fails", "bibliography": "refs.bib", "options": failing},
        {"topic": "never begins", "bibliography": "refs.bib", "options": taken},
        {"topic": "works", "bibliography": "refs.bib", "options": {"run_id": "good"}},
    )
    done = peercycle("run", "tasks.jsonl", "--parallel", "1", "--json")
    assert done.code == 1
    endings = {line["run_id"]: line["status"] for line in done.lines if line["event"] == "done"}
    assert endings == {"bad": "failed", "good": "finished"}
    [error] = [line for line in done.lines if line["event"] == "error"]
    assert (error["line"], "exists already" in error["message"]) == (2, True)
    report = json.loads((queue_of(folder) / "report.json").read_text())
    assert report["counts"] == {"failed": 2, "finished": 1}
    assert "- line 1 failed" in (queue_of(folder) / "report.md").read_text()
    assert (folder / "runs" / "taken" / "mine.txt").read_text() == "mine\n"


def test_every_bad_line_is_named_before_anything_starts(peercycle: Command, folder: Path) -> None:
    (folder / "empty.bib").write_text("")
    write(
        folder,
        {"topic": "fine", "bibliography": "refs.bib"},
        "{",
        "[1]",
        {"bibliography": "refs.bib"},
        {"topic": "x", "bibliografy": "refs.bib"},
        {"topic": "x", "bibliography": "absent.bib"},
        {"topic": "x", "bibliography": "empty.bib"},
        {"topic": "x", "bibliography": "refs.bib", "options": {"rounds": -1}},
        {"topic": "x", "bibliography": "refs.bib", "options": {"run_id": "a"}},
        {"topic": "x", "bibliography": "refs.bib", "options": {"run_id": "a"}},
        {"topic": "x"},
    )
    done = peercycle("run", "tasks.jsonl")
    assert (done.code, done.out) == (2, "")
    for words in (
        "line 2: is not JSON",
        "line 3: is no JSON object",
        "line 4: has no topic",
        "line 5: has no key 'bibliografy'; did you mean 'bibliography'?",
        "line 6: cannot read",
        "line 7: ",
        "line 8: --rounds -1: must be at least 0",
        "line 10: run id 'a' is that of line 9",
        "line 11: there is nothing to start from",
    ):
        assert words in done.err
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--topic", "x"], "--topic, --experiment and --data belong into the lines of tasks.jsonl"),
        (["--run-id", "x"], "--run-id names one run"),
    ],
)
def test_what_belongs_into_the_lines_is_refused_as_a_flag(
    peercycle: Command, folder: Path, arguments: list[str], words: str
) -> None:
    write(folder, {"topic": "fine", "bibliography": "refs.bib"})
    done = peercycle("run", "tasks.jsonl", *arguments)
    assert (done.code, words in done.err) == (2, True)


def test_a_queue_without_tasks_or_file_is_refused(peercycle: Command, folder: Path) -> None:
    write(folder, "")
    assert "holds no task" in peercycle("run", "tasks.jsonl").err
    assert "cannot read 'absent.jsonl'" in peercycle("run", "absent.jsonl").err


def test_a_queue_in_a_pipe_says_which_run_each_line_is_of(peercycle: Command, folder: Path) -> None:
    write(folder, {"topic": "sorting networks", "bibliography": "refs.bib", "options": {"run_id": "one"}})
    lines = peercycle("run", "tasks.jsonl").out.splitlines()
    assert lines[0] == "[one] policy: scripted"
    assert "[one] run one in runs/one: sorting networks" in lines
    assert any(line.startswith("report of all 1: runs/queue-") for line in lines)
