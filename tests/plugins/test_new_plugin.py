"""Projects written by `new-plugin`: their tests pass as written."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.installing import PYTEST_ALONE

from peercycle.core.errors import UsageError
from peercycle.plugins.new_plugin import PLUGIN_KINDS, PluginKind, create_project


@pytest.mark.parametrize("kind", PLUGIN_KINDS)
def test_the_tests_of_a_new_project_pass_as_written(kind: PluginKind, tmp_path: Path, repository: Path) -> None:
    target = tmp_path / "project"
    files = create_project("fine-print", kind, target)
    assert all(file.is_file() for file in files)
    for file in files:
        if file.suffix == ".py":
            compile(file.read_text(encoding="utf-8"), str(file), "exec", dont_inherit=True)
    path = os.pathsep.join([str(repository / "src"), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    # The whole suite of attacks is run on the sandboxes themselves; here, that a project's own tests find it.
    some = (
        ["-k", "replay or kill_and_resume or probe or backend or fork or keys or inputs"] if kind == "sandbox" else []
    )
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *some],
        cwd=target,
        env=os.environ | PYTEST_ALONE | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_a_new_project_names_its_entry_point(tmp_path: Path) -> None:
    create_project("peercycle-fine-print", "reward", tmp_path / "project")
    project = tomllib.loads((tmp_path / "project" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == "peercycle-fine-print"
    assert project["entry-points"]["peercycle"] == {"fine-print": "peercycle_fine_print"}


@pytest.mark.parametrize("name", ["", "Fine", "fine_print", "fine--print", "-fine", "fine print", "../fine"])
def test_a_name_that_is_no_name_is_refused_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not lower-case letters"):
        create_project(name, "reward", tmp_path / "project")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_kind_lists_the_kinds(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'rewards'; kinds: policy, .*, reward"):
        create_project("fine", "rewards", tmp_path / "project")


def test_what_is_there_already_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "project"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        create_project("fine", "reward", target)
    assert [path.name for path in tmp_path.rglob("*")] == ["project", "mine.txt"]
    (target / "mine.txt").unlink()
    assert create_project("fine", "reward", target)
