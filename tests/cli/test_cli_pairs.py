"""`peercycle pairs`: runs by id, path or folder; what it prints; what it refuses."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.trainers.logs import draft, logged_run

Command = Any


@pytest.fixture
def logged(folder: Path) -> Path:
    for number in range(3):
        logged_run(folder / "runs", f"r{number}", [draft("one", 2.0), draft("two", 1.0)], topic=f"topic {number}")
    return folder


def test_a_folder_of_runs_becomes_a_data_set(logged: Path, peercycle: Command) -> None:
    done = peercycle("pairs", "runs", "--out", "data", "--heldout", "0")
    assert done.code == 0
    assert done.out.startswith("3 pairs (3 train, 0 held out, 0 replayed) from 6 candidates of 3 tasks in 3 runs\n")
    assert done.out.splitlines()[-1].startswith("wrote 0.0 MB to data at ")
    assert len((logged / "data" / "data" / "train.jsonl").read_text().splitlines()) == 3


def test_a_run_of_which_only_the_database_and_the_artefacts_are_left_gives_its_pairs(
    logged: Path, peercycle: Command
) -> None:
    peercycle("pairs", "runs", "--out", "whole", "--heldout", "0")
    for run in (logged / "runs").iterdir():
        for path in run.iterdir():
            if path.name not in ("run.sqlite", "artifacts"):
                path.unlink()
    done = peercycle("pairs", "runs", "--out", "rebuilt", "--heldout", "0")
    assert done.code == 0, done.err
    for name in ("data/train.jsonl", "report.json"):
        assert (logged / "rebuilt" / name).read_bytes() == (logged / "whole" / name).read_bytes()
    assert peercycle("pairs", "r1", "--out", "one", "--heldout", "0", "--json").json["pairs"] == 1


def test_a_run_whose_record_is_nowhere_is_named_and_not_passed_over(logged: Path, peercycle: Command) -> None:
    lost = logged / "runs" / "r1"
    (lost / "run.json").unlink()
    with closing(sqlite3.connect(lost / "run.sqlite")) as connection:
        connection.execute("DELETE FROM records")
        connection.commit()
    done = peercycle("pairs", "runs", "--out", "data", "--heldout", "0")
    assert done.code == 0
    assert "dropped: 1 runs that cannot be read (r1)" in done.out
    refused = peercycle("pairs", "r1", "--out", "data", "--heldout", "0")
    assert refused.code == 1
    assert "run.sqlite' is damaged: it holds no record of its run, and run.json is missing" in refused.err
    assert "unreadable" in peercycle("status").out


def test_runs_are_named_by_id_and_the_account_is_json(logged: Path, peercycle: Command) -> None:
    done = peercycle("pairs", "r0", "runs/r1", "--out", "data", "--heldout", "0", "--json")
    assert done.code == 0
    assert done.json["pairs"] == 2
    assert done.json["dropped"] == {}
    assert {"mb_per_s", "seconds", "megabytes", "files"} <= done.json.keys()


def test_other_runs_of_the_cycle_have_no_policys_completions(ran: Command, peercycle: Command, folder: Path) -> None:
    assert ran().code == 0
    done = peercycle("pairs", "r1", "--out", "made/data")
    assert not (folder / "made").exists()
    assert done.code == 2
    assert "gives no pair" in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--strategy", "worst"), "--strategy worst"),
        (("--heldout", "1.5"), "--heldout 1.5"),
        (("--max-per-task", "0"), "--max-per-task 0"),
        (("--format", "csv"), "--format 'csv': must be trl or atif"),
        (("--min-margin", "100"), "3 pairs below the least margin"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    logged: Path, peercycle: Command, arguments: tuple[str, ...], message: str
) -> None:
    done = peercycle("pairs", "runs", "--out", "data", "--heldout", "0", *arguments)
    assert done.code == 2
    assert message in done.err
    assert len(done.err.splitlines()) == 1


def test_what_is_no_run_is_refused(logged: Path, peercycle: Command) -> None:
    (logged / "empty").mkdir()
    assert "holds no run" in peercycle("pairs", "empty", "--out", "data").err
    assert "no run 'nobody'" in peercycle("pairs", "nobody", "--out", "data").err
