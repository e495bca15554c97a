"""The authored run in `examples/`: it replays with no model, says what it is, and can be made again."""

from __future__ import annotations

import asyncio
import json
import re
import runpy
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from peercycle.api import read_bibliography
from peercycle.core.errors import SandboxUnavailableError
from peercycle.core.runs import RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs.driver import start
from peercycle.graphs.replay import replay
from peercycle.plugins.manager import Plugins


@pytest.fixture
def folder(repository: Path) -> Path:
    return repository / "examples" / "authored"


@pytest.fixture
def run(folder: Path, tmp_path: Path) -> Path:
    """A copy: reading a database may leave files beside it."""
    shutil.copytree(folder / "run", tmp_path / "authored")
    return tmp_path / "authored"


def test_no_hook_of_a_commit_rewrites_a_body_that_is_named_by_its_hash(repository: Path, folder: Path) -> None:
    hooks = (repository / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    (excluded,) = re.findall(r"^exclude: (\S+)$", hooks, re.MULTILINE)
    names = {path.relative_to(repository).as_posix() for path in folder.rglob("*") if path.is_file()}
    bodies = {name for name in names if re.search(r"/[0-9a-f]{64}$", name)}
    assert bodies
    assert {name for name in names if re.search(excluded, name)} == bodies


def plugins() -> Plugins:
    return Plugins.load(entry_points=False, environ={})


def test_it_replays_with_no_model_and_comes_out_the_same(run: Path) -> None:
    report = asyncio.run(replay(run, plugins()))
    assert report.differences == ()
    assert report.versions == 2
    assert report.effects > 30


def test_it_says_that_it_was_authored_and_not_sampled(run: Path) -> None:
    record = json.loads((run / "run.json").read_text())
    assert record["options"]["models"]["default"]["settings"]["label"] == "authored, not sampled"
    assert record["choices"][0] == "policy: prompted, because a model is configured"
    assert record["terminal"]["status"] == "finished"
    with closing(sqlite3.connect(run / "run.sqlite")) as connection:
        models = {row[0] for row in connection.execute("SELECT DISTINCT model FROM completions")}
        verdicts = {row[0] for row in connection.execute("SELECT DISTINCT accepted FROM completions")}
        measured = connection.execute("SELECT COUNT(*) FROM measurements WHERE provenance = 'measured'").fetchone()[0]
    assert (models, verdicts) == ({"authored, not sampled"}, {1})
    assert measured > 0


def test_it_holds_no_path_of_the_machine_that_it_was_made_on(folder: Path) -> None:
    for path in (folder / "run").rglob("*"):
        if path.is_file():
            body = path.read_bytes()
            assert not [place for place in (b"/home/", b"/root/", b"/tmp/", b"/work/") if place in body], path.name


def test_its_answers_are_those_that_are_written_in_its_script(folder: Path) -> None:
    made = runpy.run_path(str(folder / "make_answers.py"))["answers"]()
    assert made == json.loads((folder / "answers.json").read_text(encoding="utf-8"))


def test_careful_answers_run_the_whole_cycle_with_experiments(
    repository: Path, folder: Path, run: Path, tmp_path: Path
) -> None:
    given: dict[str, Any] = json.loads((run / "run.json").read_text())["options"]
    given["models"]["default"]["settings"]["file"] = str(folder / "answers.json")
    options = RunOptions.model_validate({**given, "runs_dir": str(tmp_path / "runs"), "run_id": "again"})
    bibliography = read_bibliography(repository / "examples" / "preference_learning.bib")
    task = ResearchTask(topic="how many judged pairs a linear reward needs", bibliography=bibliography)
    try:
        result = asyncio.run(start(task, options, plugins()))
    except SandboxUnavailableError as error:
        pytest.skip(f"needs a sandbox that passes its probe: {error}")
    assert (result.status, result.rating) == ("finished", 7.0)
    assert result.paper is not None
    assert "\\measured{reward-fit.agreement.n320.mean}" in result.paper.latex
    ended = {(o["point"], o["end"]) for o in _outcomes(result.path)}
    assert ended == {("r1.w1", "done"), ("r1.q1", "declined"), ("r2.w1", "done")}


def _outcomes(path: Path) -> list[dict[str, Any]]:
    report = json.loads((path / "report.json").read_text())
    found: list[dict[str, Any]] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if {"point", "end"} <= set(value):
                found.append(value)
            for entry in value.values():
                walk(entry)
        elif isinstance(value, list):
            for entry in value:
                walk(entry)

    walk(report)
    return found
