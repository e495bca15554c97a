"""A run that an outage stopped in the middle of a candidate's path, and what a refusal must leave as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from peercycle import hookimpl
from peercycle.core.errors import OutageError
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.runs import RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs.driver import start
from peercycle.plugins.manager import Plugins
from peercycle.store.directory import read_run
from peercycle.store.schema import TABLES


class Tap:
    """A literature source that answers so many requests, and then is out of reach until it is opened."""

    capabilities = frozenset({"search"})

    def __init__(self, answers: int) -> None:
        self.answers = answers

    @hookimpl
    def register_literature(self, register: Any) -> None:
        register("tap", lambda settings: self)

    async def add(self, bibliography: Bibliography) -> None:
        return

    async def search(self, query: str, *, limit: int = 20, filters: Any = None) -> tuple[Reference, ...]:
        if self.answers <= 0:
            raise OutageError("the tap is shut")
        self.answers -= 1
        return ()

    def open(self) -> None:
        self.answers = 10**6


@dataclass(frozen=True, slots=True)
class Stopped:
    """A run that stands at its candidate's second search."""

    path: Path
    tap: Tap
    plugins: Plugins
    load: Callable[..., Plugins]


@pytest.fixture
def tapped(kit: Callable[..., Plugins]) -> Callable[[int], tuple[Tap, Plugins]]:
    """Return a tap and plugins with it."""

    def make(answers: int) -> tuple[Tap, Plugins]:
        tap = Tap(answers)
        return tap, kit(tap)

    return make


@pytest.fixture
def stopped(
    task: ResearchTask, options: Callable[..., RunOptions], kit: Callable[..., Plugins], tapped: Any
) -> Stopped:
    tap, plugins = tapped(1)
    result = asyncio.run(start(task, options(literature=("tap",), candidates=1), plugins))
    assert (result.status, result.reason) == ("stopped", "outage")
    tap.open()
    return Stopped(result.path, tap, plugins, lambda *extra: kit(tap, *extra))


@pytest.fixture
def kept() -> Callable[[Path], dict[str, Any]]:
    """Return all that a run holds: its files, and the rows of its database (a look in counts its drivers)."""

    def look(path: Path) -> dict[str, Any]:
        files = {
            str(file.relative_to(path)): file.read_bytes()
            for file in sorted(path.rglob("*"))
            if file.is_file() and file.name != "lease" and ".sqlite" not in file.name
        }
        return {**files, **_rows(path)}

    return look


def _rows(path: Path) -> dict[str, Any]:
    async def read() -> dict[str, Any]:
        run = read_run(path)
        return {name: await run.rows(name) for name in TABLES if name not in ("runs", "records")}

    return asyncio.run(read())


@pytest.fixture
def artefacts() -> Callable[[Path], set[str]]:
    """Return the hashes of what a run stored."""
    return lambda path: {file.name for file in (path / "artifacts").rglob("*") if file.is_file()}


@pytest.fixture
def undisturbed(task: ResearchTask, options: Callable[..., RunOptions], tapped: Any, artefacts: Any) -> set[str]:
    """Return the artefacts of the run that nothing ever stopped."""
    _, plugins = tapped(10**6)
    result = asyncio.run(start(task, options(run_id="whole", literature=("tap",), candidates=1), plugins))
    assert result.status == "finished"
    found: set[str] = artefacts(result.path)
    return found
