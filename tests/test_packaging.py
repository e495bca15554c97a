"""What is installed is what is tracked: no file of the rooms is lost on the way into a wheel."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from tests.installing import built, copied, install, run

PACKAGE = "src/peercycle"


@pytest.fixture(scope="module")
def tracked(repository: Path) -> list[PurePosixPath]:
    """The tracked files, links included."""
    if not (repository / ".git").exists():
        pytest.skip("needs a git checkout: git clone the repository")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached"], cwd=repository, capture_output=True, text=True, check=True
    ).stdout
    return [PurePosixPath(name) for name in listed.split("\0") if name]


@pytest.fixture(scope="module")
def rooms(tracked: list[PurePosixPath]) -> list[str]:
    """The top-level folders that are packages."""
    return sorted(
        path.parts[0] for path in tracked if path.parts[1:] == ("__init__.py",) and path.parts[0] != "tests"
    )


@pytest.fixture(scope="module")
def pyproject(repository: Path) -> dict[str, Any]:
    return tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture
def copy(repository: Path, tracked: list[PurePosixPath], tmp_path: Path) -> Path:
    """A copy of the tracked files alone, so that nothing else can get into a build."""
    target = tmp_path / "copy"
    for path in tracked:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(repository / path, target / path, follow_symlinks=False)
    return target


def build(checkout: Path, kind: str, out: Path) -> Path:
    """Build with the installed hatchling: no isolation, so no network."""
    command = [sys.executable, "-P", "-m", "hatchling", "build", "-t", kind, "-d", str(out)]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [built] = out.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return built


def in_wheel(wheel: Path) -> list[str]:
    """The package's files in a wheel, without its metadata; a list, so that a double shows."""
    with zipfile.ZipFile(wheel) as archive:
        return sorted(name for name in archive.namelist() if ".dist-info/" not in name)


def expected(tracked: list[PurePosixPath], rooms: list[str]) -> list[str]:
    """The tracked files under the name they are installed with."""
    links = {f"{PACKAGE}/{room}" for room in rooms}
    root = [path.relative_to("src") for path in tracked if path.is_relative_to(PACKAGE) and str(path) not in links]
    return sorted(str(path) for path in root + ["peercycle" / path for path in tracked if path.parts[0] in rooms])


def test_the_wheel_holds_exactly_the_tracked_files(
    copy: Path, tracked: list[PurePosixPath], rooms: list[str], tmp_path: Path
) -> None:
    files = in_wheel(build(copy, "wheel", tmp_path / "out"))
    assert files == expected(tracked, rooms)
    assert {"peercycle/__init__.py", "peercycle/py.typed", "peercycle/core/errors.py"} <= set(files)
    assert {f"peercycle/{room}/__init__.py" for room in rooms} <= set(files)


def test_the_wheel_built_from_the_sdist_is_the_same(
    copy: Path, tracked: list[PurePosixPath], rooms: list[str], tmp_path: Path
) -> None:
    sdist = build(copy, "sdist", tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        assert not [member.name for member in archive.getmembers() if not (member.isfile() or member.isdir())]
        # Python 3.11.2, which Debian 12 has, knows no filters yet; 3.12 warns without one.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(tmp_path / "unpacked")
    [unpacked] = (tmp_path / "unpacked").iterdir()
    assert in_wheel(build(unpacked, "wheel", tmp_path / "out")) == expected(tracked, rooms)


def test_a_file_in_a_new_subfolder_of_a_room_is_packed(copy: Path, rooms: list[str], tmp_path: Path) -> None:
    for room in rooms:
        (copy / room / "new").mkdir()
        (copy / room / "new" / "data.txt").write_text(room)
    files = in_wheel(build(copy, "wheel", tmp_path / "out"))
    assert {f"peercycle/{room}/new/data.txt" for room in rooms} <= set(files)


def test_every_room_has_its_link_and_its_map_entries(
    repository: Path, rooms: list[str], pyproject: dict[str, Any]
) -> None:
    assert {"agents", "graphs", "plugins", "sandbox", "trainers"} <= set(rooms)
    hatch = pyproject["tool"]["hatch"]["build"]
    assert hatch["skip-excluded-dirs"] is True  # or hatchling takes a link for its room, and loses the room
    for room in rooms:
        link = repository / PACKAGE / room
        assert link.is_symlink(), f"{link}: ln -s ../../{room} {PACKAGE}/{room}"
        assert str(link.readlink()) == f"../../{room}"
        assert f"/{PACKAGE}/{room}" in hatch["exclude"]
        assert room in hatch["targets"]["wheel"]["only-include"]
        assert hatch["targets"]["wheel"]["sources"][room] == f"peercycle/{room}"
        assert room in pyproject["tool"]["pyright"]["include"]
        assert room in pyproject["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]


def test_the_licence_is_whole_and_packed(copy: Path, tmp_path: Path) -> None:
    text = (copy / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    with zipfile.ZipFile(build(copy, "wheel", tmp_path / "out")) as archive:
        [packed] = [name for name in archive.namelist() if name.endswith("licenses/LICENSE")]
        assert archive.read(packed).decode() == text


def test_the_graph_serves_other_programs_from_an_installed_wheel(repository: Path, tmp_path: Path) -> None:
    copied(repository, tmp_path / "checkout")
    python = install(tmp_path / "env", built(tmp_path / "checkout", tmp_path / "wheels"))
    where = run(python, "-P", "-c", "import peercycle; print(peercycle.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(tmp_path / "env")
    ways = "ainvoke or stream or checkpointer or subgraph or where_states_share or langgraph_json or graph_blocks"
    tests = ("tests/test_api.py", "tests/test_in_a_servers_loop.py")
    command = (
        python,
        "-P",
        "-m",
        "pytest",
        "-q",
        "-p",
        "timeout",
        "-o",
        "pythonpath=tests/fixtures",
        "-k",
        ways,
        *tests,
    )
    said = run(*command, cwd=tmp_path / "checkout", timeout_s=400)
    assert "8 passed" in said
    assert "skipped" not in said
