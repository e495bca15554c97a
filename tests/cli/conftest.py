"""A folder with a bibliography and settings that make a cycle of scripted parts fast; commands run in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SETTINGS = """
[run]
policy = "scripted"
reviewer = "scripted"
experiments = "off"
sandbox = "none"
exporters = ["latex", "report"]
candidates = 1
rounds = 1
"""

BIBLIOGRAPHY = """
@article{networks, title = {Sorting networks and their depth}, author = {Byron, Ada}, year = {1990},
  abstract = {We bound the depth of networks that sort.}}
@article{merging, title = {Merging in parallel}, author = {Hopper, Grace}, year = {1991},
  abstract = {Two sorted lists are merged by many processors.}}
"""


@dataclass(frozen=True, slots=True)
class Done:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """Standard output, each line parsed as JSON."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def json(self) -> Any:
        """Standard output, parsed as one JSON value."""
        return json.loads(self.out)


Command = Callable[..., Done]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with settings and a bibliography."""
    # Nothing that was imported on this machine is found, and nothing is left on it.
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "peercycle.toml").write_text(SETTINGS)
    (tmp_path / "refs.bib").write_text(BIBLIOGRAPHY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def peercycle(folder: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process, in the folder."""
    from peercycle.cli.main import main

    def command(*arguments: str) -> Done:
        capsys.readouterr()
        code = main(list(arguments))
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return command


@pytest.fixture
def ran(peercycle: Command) -> Command:
    """Run the cycle on the bibliography, with further arguments, as `r1` where they name no run."""

    def run(*arguments: str) -> Done:
        named = () if "--run-id" in arguments else ("--run-id", "r1")
        return peercycle("run", "refs.bib", "--topic", "sorting networks", *named, *arguments)

    return run
