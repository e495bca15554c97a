"""What holds for every test: no socket beyond loopback, no change of the environment."""

from __future__ import annotations

import os
import runpy
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["docker_daemon", "handmade_wheels", "servers_loop"]
REPOSITORY = Path(__file__).resolve().parent.parent
OFFLINE = Path(__file__).resolve().parent / "offline"
REFUSALS: str = runpy.run_path(str(OFFLINE / "sitecustomize.py"))["REFUSALS"]


def pytest_configure() -> None:
    """Start refusing, here and in the Pythons that tests start."""
    # The same examples on every machine: what chance finds belongs to the long proofs, and to those who look for it.
    settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
    settings.load_profile("fixed")
    descriptor, name = tempfile.mkstemp(prefix="refusals-")
    os.close(descriptor)
    os.environ[REFUSALS] = name
    # Whatever Docker this machine has is not ours: tests start a daemon of their own, and name its socket.
    os.environ["DOCKER_HOST"] = "unix:///nonexistent/docker.sock"
    inherited = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([str(OFFLINE), *inherited]))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the proofs into the order of their ranks: where time is short, the last ones are cut off."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    marker = item.get_closest_marker("prove")
    return int(marker.kwargs.get("rank", 50)) if marker else 0


def pytest_unconfigure() -> None:
    """Remove the file of refusals."""
    Path(os.environ.pop(REFUSALS)).unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def refusals(request: pytest.FixtureRequest) -> Iterator[Path]:
    """The file of this test's refused sockets; one left in it fails the test, even where the error was caught.

    `pytest.mark.network` lets a test leave loopback.
    """
    record = os.environ[REFUSALS]
    if request.node.get_closest_marker("network"):
        del os.environ[REFUSALS]
    yield Path(record)
    os.environ[REFUSALS] = record
    if refused := Path(record).read_text(encoding="utf-8"):
        os.truncate(record, 0)
        pytest.fail(f"tried to leave loopback: {'; '.join(refused.splitlines())}")


@pytest.fixture(autouse=True)
def unchanged_environment(refusals: Path) -> Iterator[None]:
    """Fail a test that leaves `os.environ` changed (and put it back for the next)."""
    before = _environment()
    yield
    after = _environment()
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if changed:
        for name in changed:
            os.environ.pop(name, None)
        os.environ.update({name: before[name] for name in changed if name in before})
        pytest.fail(f"left os.environ changed: {', '.join(changed)}; use monkeypatch.setenv")


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout under test."""
    return REPOSITORY
