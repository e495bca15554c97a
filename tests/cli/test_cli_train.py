"""`peercycle train` says in one line what is wrong, before anything is sampled."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peercycle.trainers import extras
from peercycle.trainers.loop.record import LoopRecord

Command = Callable[..., Any]

LOOP = """
name = "small"
[start]
base = "model"
policy = "direct"
[tasks]
file = "tasks.jsonl"
[arms.plain]
"""


@pytest.fixture
def loop(folder: Path) -> Path:
    """A loop that is whole but for its tasks and its model."""
    path = folder / "loop.toml"
    path.write_text(LOOP)
    return path


def refused(done: Any) -> str:
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert line.startswith("error: ")
    return str(line)


def test_a_loop_needs_its_file(peercycle: Command, folder: Path) -> None:
    assert "give a LOOP.toml" in refused(peercycle("train"))
    assert "cannot be read" in refused(peercycle("train", "absent.toml"))


def test_an_unknown_arm_names_those_that_there_are(peercycle: Command, loop: Path) -> None:
    assert "no arm is called 'colder'; the file has: plain" in refused(
        peercycle("train", "loop.toml", "--arm", "colder")
    )


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('policy = "direct"', 'policy = "direkt"', "no policy is called 'direkt'; did you mean 'direct'?"),
        ("[arms.plain]", '[train]\ntrainer = "simpol"', "no trainer is called 'simpol'; did you mean 'simpo'?"),
        ("[tasks]", '[run]\njudge = "rubrik"\n[tasks]', "no reviewer is called 'rubrik'"),
        ("[tasks]", '[engine]\nname = "transformer"\n[tasks]', "no model backend is called 'transformer'"),
        ("[tasks]", '[run]\nreviwer = "rubric"\n[tasks]', "run.reviwer"),
        ("[arms.plain]", "[train.settings]\ngama = 1.0", "unknown setting 'gama' of trainer 'simpo'"),
        ("[arms.plain]", "[train.settings]\nlearning_rate = -1.0", "learning_rate"),
        ("[arms.plain]", "[train.settings]\nnll_lambda = nan", "train.settings.nll_lambda is no finite number"),
        ("[tasks]", '[engine]\nname = "transformers"\nsettings = { max_bach = 2 }\n[tasks]', "max_bach"),
    ],
)
def test_a_wrong_name_is_told_before_anything_is_begun(
    peercycle: Command, loop: Path, before: str, after: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "require_train", lambda: None)
    (loop.parent / "tasks.jsonl").write_text("".join(f'{{"topic": "topic {n}"}}\n' for n in range(100)))
    loop.write_text(LOOP.replace(before, after))
    assert said in refused(peercycle("train", "loop.toml"))
    assert not (loop.parent / "policies").exists()


def test_missing_tasks_are_named(peercycle: Command, loop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "require_train", lambda: None)
    said = refused(peercycle("train", "loop.toml"))
    assert "tasks.file: there is no file" in said
    assert not (loop.parent / "loops/small/main/loop.json").exists()


def test_what_goes_on_with_a_stopped_loop_names_its_arm_and_its_folder(peercycle: Command, folder: Path) -> None:
    for place, arm in (("loops/small/plain", "plain"), ("loops/other/main", None), ("my loops/small/plain", "plain")):
        record = LoopRecord(
            name="small", arm=arm, created_at=0.0, peercycle_version="0", settings={}, inputs={}
        ).model_dump_json()
        (folder / place).mkdir(parents=True)
        (folder / place / "loop.json").write_text(record)
    for name, said in (
        ("small", "go on with: peercycle train LOOP.toml --arm plain"),
        ("other", "go on with: peercycle train LOOP.toml"),
        ("my loops/small", "go on with: peercycle train LOOP.toml --arm plain --loops-dir 'my loops'"),
    ):
        assert peercycle("status", name).out.splitlines()[-1] == said
    os.chdir(folder / "loops" / "small" / "plain")
    assert peercycle("status", ".").out.splitlines()[-1].endswith(f" --arm plain --loops-dir {folder / 'loops'}")


def test_without_the_extra_the_line_names_it(peercycle: Command, loop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, package=None: None)
    said = refused(peercycle("train", "loop.toml"))
    assert "training needs torch" in said
    assert "pip install 'peercycle[train]'" in said
