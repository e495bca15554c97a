"""Bad input gets one clear line and exit code 2, and what was there before is still there."""

from __future__ import annotations

import errno
import io
import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from peercycle.store.artifacts import FileArtifactStore

Command = Callable[..., Any]


def tree(root: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes; the databases' shared memory is rebuilt by any reader."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.endswith(("-shm", "-wal"))
    }


def refused(done: Any, *words: str, code: int = 2) -> str:
    """Check that a command was refused in one line that holds the words, and return the line."""
    assert done.code == code, done
    assert done.out == ""
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    for word in words:
        assert word in done.err
    return str(done.err)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", ["'refs.bib' is empty", "give a BibTeX file"]),
        (b" \n\n", ["'refs.bib' is empty"]),
        (b"%PDF-1.7\0\x01\x02", ["'refs.bib' is binary"]),
        (b"Just prose, and no entry in it.\n", ["'refs.bib' holds no usable BibTeX entry", "@article{key"]),
        (
            b"\n@article{a, year = {1990}}\n@book{b, title = {}}\n",
            ["'refs.bib' holds no usable BibTeX entry: line 2: the entry 'a' has no title, nor has any other"],
        ),
    ],
)
def test_a_bibliography_that_cannot_be_used_begins_nothing(
    ran: Command, folder: Path, body: bytes, words: list[str]
) -> None:
    (folder / "refs.bib").write_bytes(body)
    before = tree(folder)
    refused(ran(), *words)
    assert tree(folder) == before


OFF_TOPIC = "the bibliography has nothing to do with the topic: no word that names its subject occurs"


@pytest.mark.parametrize(
    ("policy", "topic", "warned"),
    [
        ("extractive", "superconducting qubit readout", OFF_TOPIC),
        ("scripted", "superconducting qubit readout", OFF_TOPIC),
        ("extractive", "sorting networks", None),
    ],
    ids=["unrelated", "unrelated and another policy", "related"],
)
def test_a_topic_that_has_nothing_to_do_with_the_bibliography_is_said_first(
    peercycle: Command, folder: Path, policy: str, topic: str, warned: str | None
) -> None:
    given = ("--policy", policy, "--candidates", "2", "--rounds", "0", "--run-id", "r1")
    done = peercycle("run", "refs.bib", "--topic", topic, *given)
    assert done.code == 0
    place = folder / "runs" / "r1"
    said = json.loads((place / "report.json").read_text())["warnings"]
    first = [
        (place / "report.md").read_text().partition("| Status |")[0],
        (place / "report.html").read_text().partition('<div class="cards">')[0],
    ]
    if warned is None:
        assert said == []
        assert not [text for text in (done.out, *first) if "to do with the topic" in text or "Warning" in text]
        return
    assert len(said) == 1
    assert warned in said[0]
    for text in first:
        assert text.count(warned) == 1
        assert "Warning:" in text
    assert len([line for line in done.out.splitlines() if warned in line]) == 1, "said once, before any candidate"


def test_a_missing_file_is_named(peercycle: Command, folder: Path) -> None:
    refused(peercycle("run", "refz.bib", "--topic", "sorting"), "'refz.bib'", "No such file")
    assert not (folder / "runs").exists()


def test_a_missing_file_is_said_before_a_missing_topic(peercycle: Command) -> None:
    refused(peercycle("run", "refz.bib"), "'refz.bib'", "No such file")


def test_a_run_without_any_policy_says_what_to_load(ran: Command) -> None:
    done = ran("--policy", "auto", "-p", "no:builtin")
    refused(done, "no loaded plugin offers the policy 'extractive' that would write then, nor any other; load one")


def test_a_folder_that_cannot_be_made_says_what_to_give(ran: Command) -> None:
    # Nobody makes folders there, root neither.
    refused(
        ran("--runs-dir", "/proc/runs"),
        "cannot keep runs in '/proc/runs': nothing can be made there; give another with --runs-dir",
        code=1,
    )


def test_a_disk_that_fills_up_says_how_to_go_on(ran: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    written = FileArtifactStore.write
    bodies: list[bytes] = []

    def write(store: FileArtifactStore, data: bytes) -> str:
        bodies.append(data)
        if len(bodies) > 1:  # the first is the task's: there is a run then
            monkeypatch.setattr("peercycle.store.disk.write_new", full)
            monkeypatch.setattr("peercycle.store.artifacts.write_new", full, raising=False)
        return written(store, data)

    monkeypatch.setattr(FileArtifactStore, "write", write)
    done = ran()
    assert done.code == 1
    assert "is the disk full?" in done.err
    assert "once there is room, or its cause is mended, go on with: peercycle resume runs/r1" in done.err


def test_a_run_without_a_topic_says_what_to_give(peercycle: Command) -> None:
    refused(peercycle("run", "refs.bib"), "--topic")
    refused(peercycle("run", "refs.bib", "--topic", "  "), "the topic is empty")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--candidates", "0"], "--candidates 0: must be at least 1"),
        (["--candidates", "500"], "--candidates 500: must be at most 256"),
        (["--seed", "9" * 26], "--seed " + "9" * 26 + ": must be at most 9007199254740991"),
        (["--seed", "-" + "9" * 26], "must be at least -9007199254740991"),
        (["--rounds", "9" * 26], "must be at most 1000"),
        (["--patience", "9" * 26], "must be at most 9007199254740991"),
        (["--max-tokens", "9" * 26], "must be at most 9007199254740991"),
        (["--max-model-calls", "9" * 26], "must be at most 9007199254740991"),
        (["--max-requests", "9" * 26], "must be at most 9007199254740991"),
        (["--rounds", "-1"], "--rounds -1: must be at least 0"),
        (["--max-tokens", "0"], "--max-tokens 0: must be at least 1; leave it out for no limit"),
        (["--max-cost", "0"], "--max-cost 0.0: must be more than 0; leave it out for no limit"),
        (["--max-hours", "0"], "--max-hours 0.0: must be more than 0; leave it out for no limit"),
        (
            ["--on-outage", "wait"],
            "--on-outage wait: must be 'stop', 'continue', or 'wait:' and how long, such as wait:2h",
        ),
        (["--guarantee", "silence"], "--guarantee silence: must be one of 'environment_clean'"),
        (["--experiments", "maybe"], "--experiments maybe: must be one of 'auto', 'run', 'simulate' or 'off'"),
        (["--run-id", "a/b"], "--run-id a/b: must be letters, digits"),
        (["--until", "25:00"], "--until 25:00: write a time such as 07:00"),
        (["--until", "2001-01-01T07:00"], "--until 2001-01-01T07:00: that is past"),
        (["--model-role", "reviewer"], "--model-role 'reviewer': write ROLE=NAME"),
        (["--set", "policies.scripted.seeds"], "has no '='"),
        (["--model", "openai"], "write openai/NAME, as the server calls the model, such as --model openai/llama-3"),
        (["--model", "openai/"], "is named by --set models.openai.base_url=http://HOST:PORT/v1"),
        (["--model", "vllm"], "write vllm/MODEL, a folder, a name on the Hugging Face hub or a preset"),
        (["--model", "transformers"], "write transformers/MODEL, a folder"),
        (["--data", "refs.bib"], "--data refs.bib: only a study reads data"),
        (
            ["--policy", "prompted"],
            "the policy 'prompted' asks a language model, and none is configured: name one with --model",
        ),
        (["--judge", "cyclereviewer"], "the judge 'cyclereviewer' asks a language model, and none is configured"),
        (["--parallel", "4"], "--parallel is for a queue of tasks (TASKS.jsonl); here is one run"),
        (["--skip-bad"], "--skip-bad is for a queue of tasks (TASKS.jsonl); here is one run"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_flag(
    peercycle: Command, folder: Path, arguments: list[str], line: str
) -> None:
    refused(peercycle("run", "refs.bib", "--topic", "sorting", *arguments), line)
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--policy", "scriptd"], ["no policy is called 'scriptd'", "did you mean 'scripted'"]),
        (["--reviewer", "rubrik"], ["no reviewer is called 'rubrik'", "did you mean 'rubric'"]),
        (["--reward", "mean"], ["no reward is called 'mean'", "mean-rating"]),
        (["--judge", "nobody"], ["no reviewer is called 'nobody'. Known reviewers"]),
        (["--model", "opnai/x"], ["model 'opnai/x' names no backend; did you mean 'openai'?"]),
        (["--candidats", "2"], ["No such option: --candidats", "--candidates"]),
        (["--set", "policies.scriptd.seeds=1"], ["policies.scriptd", "did you mean 'scripted'"]),
        (["--set", "policies.scripted.sees=1"], ["'sees'", "'seeds'"]),
        (["--set", "polices.scripted.seeds=1"], ["'polices'", "'policies'"]),
        (["--plugin", "absent.py"], ["--plugin absent.py: there is no such file"]),
        (["-p", "scripted"], ["-p", "'scripted': write -p no:NAME"]),
    ],
)
def test_an_unknown_name_comes_with_the_nearest_ones(
    peercycle: Command, folder: Path, arguments: list[str], words: list[str]
) -> None:
    refused(peercycle("run", "refs.bib", "--topic", "sorting", *arguments), *words)
    assert not list((folder / "runs").glob("*")) if (folder / "runs").exists() else True


def test_a_name_that_is_near_none_comes_with_no_suggestion(peercycle: Command) -> None:
    said = refused(peercycle("search", "sorting", "--source", "nope"), "no literature source is called 'nope'. Known")
    assert "did you mean" not in said


def test_a_plugin_to_go_without_that_is_not_there_is_a_warning(ran: Command) -> None:
    done = ran("--rounds", "0", "-p", "no:nope")
    assert (done.code, done.err) == (0, "warning: -p no:nope: no plugin is called 'nope'; found: builtin\n")


def test_an_unknown_command_comes_with_the_nearest_one(peercycle: Command) -> None:
    refused(peercycle("statu"), "No such command 'statu'", "status")


def test_an_unknown_plugin_and_run_come_with_what_there_is(peercycle: Command, ran: Command) -> None:
    ran("--run-id", "night-1")
    refused(peercycle("plugins", "show", "nobody"), "no plugin is called 'nobody'", "builtin")
    refused(peercycle("plugins", "show", "extractive"), "offers it under policies", "peercycle plugins show ")
    refused(peercycle("status", "nigth-1"), "no run 'nigth-1'", "'night-1'")


def test_a_model_for_the_reviewer_alone_leaves_the_writing_to_the_policy_without_one(ran: Command) -> None:
    done = ran("--policy", "auto", "--rounds", "0", "--model-role", "reviewer=scripted")
    assert done.code == 0, done.err
    assert (
        "policy: extractive, because no model is configured to write with, but one as reviewer" in done.out + done.err
    )


def test_money_without_a_price_is_refused_before_anything_is_spent(ran: Command, folder: Path) -> None:
    refused(ran("--max-cost", "5", "--model", "scripted"), "needs prices", "prompt_price")
    assert not (folder / "runs").exists()


def test_with_json_an_error_is_a_line_on_standard_output_too(ran: Command) -> None:
    done = ran("--candidates", "0", "--json")
    assert done.code == 2
    assert done.lines == [{"event": "error", "message": "--candidates 0: must be at least 1"}]
    assert done.err == "error: --candidates 0: must be at least 1\n"


def test_a_folder_that_cannot_be_written_is_named(peercycle: Command, folder: Path) -> None:
    (folder / "taken").write_text("a file\n")
    done = peercycle("run", "refs.bib", "--topic", "sorting", "--runs-dir", "taken/runs")
    refused(done, "taken", code=1)
    assert (folder / "taken").read_text() == "a file\n"


def test_a_settings_file_with_a_mistake_is_named_with_the_key(ran: Command, folder: Path) -> None:
    (folder / "peercycle.toml").write_text("[run]\ncandidate = 3\n")
    refused(ran(), "peercycle.toml", "run.candidate", "did you mean 'candidates'")
    (folder / "peercycle.toml").write_text("[run\n")
    refused(ran(), "peercycle.toml", "not TOML")


def test_an_id_that_is_taken_leaves_the_earlier_run_as_it_was(ran: Command, folder: Path) -> None:
    ran()
    before = tree(folder / "runs" / "r1")
    refused(ran(), "exists already", "resume")
    assert tree(folder / "runs" / "r1") == before


def test_a_run_in_use_is_neither_resumed_nor_removed(ran: Command, peercycle: Command, folder: Path) -> None:
    from peercycle.store.lease import take_lease

    ran()
    path = folder / "runs" / "r1"
    lease = take_lease(path)
    before = tree(path)
    try:
        refused(peercycle("resume", "r1", "--rounds", "2"), "is driven by process", str(os.getpid()), code=1)
        # Its record says that it ended, and somebody holds it all the same.
        refused(peercycle("rm", "r1", "--yes"), "is driven by process", code=1)
    finally:
        lease.release()
    assert tree(path) == before


def test_a_run_that_has_not_ended_is_not_replayed(ran: Command, peercycle: Command, folder: Path) -> None:
    ran()
    record = folder / "runs" / "r1" / "run.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "terminal": None}))
    refused(peercycle("replay", "r1"), "run 'r1' has not ended; `peercycle resume r1` first")


def test_a_run_that_stopped_on_its_budget_is_not_replayed_and_the_limit_to_raise_is_named(
    ran: Command, peercycle: Command
) -> None:
    ran("--set", "policies.scripted.effect_s=0.5", "--max-hours", "0.00001")
    refused(peercycle("replay", "r1"), "run 'r1' stopped before its end (budget)", "resume r1 --max-hours N`")
    assert "go on with: peercycle resume runs/r1 --max-hours N" in peercycle("status", "r1").out.splitlines()


def test_a_run_of_another_version_is_left_alone(ran: Command, peercycle: Command, folder: Path) -> None:
    ran()
    record = folder / "runs" / "r1" / "run.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "schema_version": 99}))
    before = tree(folder / "runs" / "r1")
    for command in (["resume", "r1"], ["status", "r1"], ["report", "r1"], ["replay", "r1"]):
        refused(peercycle(*command), "version", code=1)
    assert tree(folder / "runs" / "r1") == before
    assert "unreadable" in peercycle("status").out


def test_a_damaged_database_is_named_and_not_touched(ran: Command, peercycle: Command, folder: Path) -> None:
    ran()
    database = folder / "runs" / "r1" / "run.sqlite"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    body = bytearray(database.read_bytes())
    body[: 4096 * 2] = b"\xff" * (4096 * 2)
    database.write_bytes(body)
    refused(peercycle("resume", "r1", "--rounds", "2"), "run.sqlite", code=1)
    assert database.read_bytes() == bytes(body)


def test_other_content_settings_are_refused_and_named(ran: Command, peercycle: Command, folder: Path) -> None:
    ran()
    (folder / "listener.py").write_text(
        "from peercycle import hookimpl\n\n\n@hookimpl\ndef on_run_end(event):\n    pass\n"
    )
    done = peercycle("resume", "r1", "--rounds", "2", "--plugin", "listener.py")
    refused(done, "plugins", "--accept-changes")
    assert peercycle("resume", "r1", "--rounds", "2", "--plugin", "listener.py", "--accept-changes").code == 0


def test_a_broken_plugin_that_was_named_is_an_error_with_the_way_on(ran: Command, folder: Path) -> None:
    (folder / "broken.py").write_text("raise RuntimeError('as it stands')\n")
    refused(ran("--plugin", "broken.py"), "plugin 'broken' (broken.py)", "as it stands", code=1)
    assert ran("--plugin", "broken.py", "-p", "no:broken").code == 0


@pytest.mark.parametrize("body", [b"", b"\0\1"])
def test_a_study_that_is_no_program_is_told_what_is_wanted(ran: Command, folder: Path, body: bytes) -> None:
    (folder / "study.py").write_bytes(body)
    line = refused(ran("--experiment", "study.py"), "'study.py' is ", "give a Python program")
    assert "BibTeX" not in line
    assert not (folder / "runs").exists()


def test_two_data_files_of_one_name_begin_nothing(ran: Command, folder: Path) -> None:
    (folder / "study.py").write_text("pass\n")
    for name in ("d1", "d2"):
        (folder / name).mkdir()
        (folder / name / "x.csv").write_text("1\n")
    done = ran("--experiment", "study.py", "--data", "d1/x.csv", "--data", "d2/x.csv")
    refused(done, "two data files are called 'x.csv'")
    assert not (folder / "runs").exists()


@pytest.mark.parametrize("command", [["run", "refs.bib", "--topic", "x"], ["status"], ["resume", "r1"]])
def test_a_file_is_no_folder_for_runs(peercycle: Command, folder: Path, command: list[str]) -> None:
    before = tree(folder)
    refused(peercycle(*command, "--runs-dir", "refs.bib"), "--runs-dir refs.bib: is a file; give a folder")
    assert tree(folder) == before


def test_a_run_of_another_user_is_said_in_one_line_and_hides_no_other(
    peercycle: Command, ran: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran("--run-id", "mine")
    (folder / "runs" / "theirs").mkdir()
    looked = Path.is_file

    def is_file(path: Path, **given: Any) -> bool:
        # Root may look into everything: what any other user meets is raised here.
        if "theirs" in path.parts:
            raise PermissionError(13, "Permission denied", str(path))
        return looked(path, **given)

    monkeypatch.setattr(Path, "is_file", is_file)
    refused(peercycle("status", "runs/theirs"), "cannot look into 'runs/theirs'", "Permission denied", code=1)
    assert {line["path"] for line in peercycle("status", "--json").json["runs"]} >= {str(folder / "runs" / "mine")}


def test_a_record_that_is_no_object_is_said_plainly(peercycle: Command, ran: Command, folder: Path) -> None:
    ran()
    (folder / "runs" / "r1" / "run.json").write_text("[]")
    line = refused(peercycle("resume", "r1"), "is damaged: it is no record of a run", code=1)
    assert ": :" not in line


def test_what_is_wrong_in_a_bibliography_is_said_while_it_is_used(ran: Command, folder: Path) -> None:
    good = (folder / "refs.bib").read_text()
    (folder / "refs.bib").write_bytes(good.encode() + good.replace("Merging", "M\u00e9rging").encode("latin-1"))
    done = ran()
    assert done.code == 0
    [line] = [line for line in done.out.splitlines() if line.startswith("run r1 in")]
    assert "works read, " in line
    assert "problem" in line


def test_a_removal_that_nobody_answers_removes_nothing(
    peercycle: Command, ran: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran()
    monkeypatch.setattr("sys.stdin", io.StringIO())
    done = peercycle("rm", "r1")
    assert (done.code, "nothing was removed" in done.err, "resume" in done.err) == (2, True, False)
    assert (folder / "runs" / "r1" / "run.json").is_file()
