"""Limits that make no sense, clocks that jump, services and disks that give out: nothing done is lost."""

from __future__ import annotations

import asyncio
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from peercycle import hookimpl
from peercycle.core.errors import StoreError, UsageError
from peercycle.core.runs import Budget, ModelChoice, RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs.driver import resume, start
from peercycle.plugins.manager import Plugins
from peercycle.store.directory import read_run

Options = Callable[..., RunOptions]
Kit = Callable[..., Plugins]


@pytest.fixture
def priceless(kit: Kit) -> Plugins:
    """Plugins with a model that nobody priced; it is never asked."""

    class Priceless:
        @hookimpl
        def register_models(self, register: Any) -> None:
            register("priceless", lambda settings: object())

    return kit(Priceless())


def test_a_money_limit_without_a_price_begins_nothing(
    task: ResearchTask, options: Options, priceless: Plugins, tmp_path: Path
) -> None:
    given = options(budget=Budget(cost=5.0), models={"default": ModelChoice(name="priceless")})
    with pytest.raises(
        UsageError, match=r"a money limit of 5\.0 needs prices: set models\.default\.prompt_price, models\.default"
    ) as caught:
        asyncio.run(start(task, given, priceless))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_a_time_that_is_past_begins_nothing(task: ResearchTask, options: Options, kit: Kit, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ends at 2001-01-01 00:00:00.*is past; give a later time"):
        asyncio.run(start(task, options(budget=Budget(until=978307200.0)), kit()))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("budget", "says"),
    [
        ({"tokens": 0}, r"budget\.tokens: 0: .*greater than or equal to 1"),
        ({"cost": 0}, r"budget\.cost: 0: .*greater than 0"),
        ({"hours": -1}, r"budget\.hours: -1: .*greater than 0"),
        ({"tokns": 5}, r"budget\.tokns: 5: "),
    ],
)
def test_a_budget_that_makes_no_sense_extends_nothing(
    stopped: Any, kept: Any, budget: dict[str, Any], says: str
) -> None:
    before = kept(stopped.path)
    with pytest.raises(UsageError, match=says) as caught:
        asyncio.run(resume(stopped.path, stopped.plugins, {"budget": budget}))
    assert "\n" not in str(caught.value)
    assert kept(stopped.path) == before
    assert asyncio.run(resume(stopped.path, stopped.plugins)).status == "finished"


def test_a_resume_past_its_time_stops_again_and_a_later_time_lets_it_finish(
    stopped: Any, artefacts: Any, undisturbed: set[str]
) -> None:
    again = asyncio.run(resume(stopped.path, stopped.plugins, {"budget": {"until": 978307200.0}}))
    assert (again.status, again.reason) == ("stopped", "budget")
    assert "--until" in again.message
    later = time.time() + 3600
    assert asyncio.run(resume(stopped.path, stopped.plugins, {"budget": {"until": later}})).status == "finished"
    assert artefacts(stopped.path) == undisturbed


def test_a_clock_that_jumps_back_neither_gives_back_nor_ends_anything(
    task: ResearchTask, options: Options, tapped: Any, undisturbed: set[str], artefacts: Any, monkeypatch: Any
) -> None:
    true_time, jumped = time.time, 0.0
    monkeypatch.setattr(time, "time", lambda: true_time() - jumped)
    tap, plugins = tapped(1)
    limited = options(literature=("tap",), candidates=1, budget=Budget(hours=1.0, until=true_time() + 3600))

    def used(path: Path) -> float:
        (row,) = asyncio.run(read_run(path).rows("runs"))
        return float(str(row["seconds_worked"]))

    first = asyncio.run(start(task, limited, plugins))
    worked = used(first.path)
    assert worked > 0
    jumped = 86_400.0 * 400
    second = asyncio.run(resume(first.path, plugins))
    assert (second.status, second.reason) == ("stopped", "outage")
    assert used(first.path) > worked
    tap.open()
    jumped = 86_400.0 * 800
    assert asyncio.run(resume(first.path, plugins)).status == "finished"
    assert used(first.path) < 60
    assert artefacts(first.path) == undisturbed
    events = asyncio.run(read_run(first.path).events())
    assert [row for row, _ in events] == sorted(row for row, _ in events)
    assert events[-1][1].at < events[0][1].at


@pytest.mark.parametrize(
    ("back", "lasts", "said"),
    [
        (
            3600.0,
            3600.0,
            ["3,600 s: the time worked so far stands; --until counts by the clock as it is now"],
        ),
        (3600.0, None, ["3,600 s: the time worked so far stands"]),
        (3.0, None, []),
    ],
)
def test_a_clock_that_jumps_back_is_said_once_and_as_a_warning(
    task: ResearchTask,
    options: Options,
    tapped: Any,
    monkeypatch: Any,
    back: float,
    lasts: float | None,
    said: list[str],
) -> None:
    true_time, jumped = time.time, 0.0
    monkeypatch.setattr(time, "time", lambda: true_time() - jumped)
    tap, plugins = tapped(10**6)
    search = tap.search

    async def jump_and_search(*given: Any, **more: Any) -> Any:
        nonlocal jumped
        jumped = back
        return await search(*given, **more)

    monkeypatch.setattr(tap, "search", jump_and_search)
    budget = Budget(until=None if lasts is None else true_time() + lasts)
    result = asyncio.run(start(task, options(literature=("tap",), candidates=1, budget=budget), plugins))
    assert result.status == "finished"
    events = asyncio.run(read_run(result.path).events())
    warned = [event.message for _, event in events if event.data.get("warning")]
    lines = [f"the clock went back by {line}" for line in said]
    assert [line for line in warned if "clock" in line] == lines


@pytest.mark.parametrize(("back", "said"), [(7200.0, True), (3.0, False)])
def test_a_clock_that_was_set_back_while_the_run_was_stopped_is_said_by_the_resume(
    task: ResearchTask, options: Options, tapped: Any, monkeypatch: Any, back: float, said: bool
) -> None:
    true_time, jumped = time.time, 0.0
    monkeypatch.setattr(time, "time", lambda: true_time() - jumped)
    tap, plugins = tapped(1)
    stopped = asyncio.run(start(task, options(literature=("tap",), candidates=1, on_outage="stop"), plugins))
    assert stopped.status == "stopped"
    jumped = back
    tap.open()
    assert asyncio.run(resume(stopped.path, plugins)).status == "finished"
    warned = [e.message for _, e in asyncio.run(read_run(stopped.path).events()) if e.data.get("warning")]
    lines = [line for line in warned if "clock" in line]
    assert len(lines) == said
    for line in lines:
        found = re.fullmatch(
            r"the clock went back by ([\d,]+) s or more while the run was stopped: the time worked so far stands",
            line,
        )
        assert found, line
        assert back - 120 < float(found[1].replace(",", "")) <= back


def test_an_outage_is_in_the_log_while_it_lasts_and_its_deadline_stops_the_run(
    task: ResearchTask, options: Options, tapped: Any, undisturbed: set[str], artefacts: Any
) -> None:
    tap, plugins = tapped(1)
    waiting = options(literature=("tap",), candidates=1, on_outage="wait:4s")

    async def main() -> Any:
        launched: list[Any] = []
        running = asyncio.create_task(start(task, waiting, plugins, on_launch=launched.append))
        seen: list[str] = []
        while not seen and not running.done():
            await asyncio.sleep(0.02)
            if launched:
                found = await read_run(launched[0].path).events(kinds=("outage",))
                seen = [] if running.done() else [event.message for _, event in found]
        return seen, await running

    seen, result = asyncio.run(main())
    assert seen
    assert seen[0].startswith("the tap is shut; trying again in 1 s")
    assert (result.status, result.reason) == ("stopped", "outage")
    assert "the tap is shut" in result.message
    tap.open()
    assert asyncio.run(resume(result.path, plugins)).status == "finished"
    assert artefacts(result.path) == undisturbed


def test_a_folder_for_runs_that_cannot_be_made_is_named(
    task: ResearchTask, options: Options, kit: Kit, tmp_path: Path
) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(StoreError, match=r"cannot keep runs in .*runs': File exists; give another") as caught:
        asyncio.run(start(task, options(), kit()))
    assert "\n" not in str(caught.value)
    assert (tmp_path / "runs").read_text() == "a file"


BIBLIOGRAPHY = """
@article{networks, title = {Sorting networks and their depth}, author = {Byron, Ada}, year = {1990},
  abstract = {We bound the depth of networks that sort.}}
"""
SETTINGS = """
[run]
policy = "scripted"
reviewer = "scripted"
experiments = "off"
sandbox = "none"
exporters = ["latex", "report"]
candidates = 2
rounds = 2
"""


def peercycle(folder: Path, *arguments: str, largest_file: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command; no file may grow beyond `largest_file` bytes: on a full disk, writes fail in the same places."""
    size = resource.RLIM_INFINITY if largest_file is None else largest_file
    return subprocess.run(
        [sys.executable, "-m", "peercycle", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, size)),
    )


def test_a_disk_that_fills_up_ends_the_run_in_one_line_and_it_goes_on_once_there_is_room(tmp_path: Path) -> None:
    (tmp_path / "refs.bib").write_text(BIBLIOGRAPHY)
    (tmp_path / "peercycle.toml").write_text(SETTINGS)
    given = ("run", "refs.bib", "--topic", "sorting networks", "--run-id", "r1")
    full = peercycle(tmp_path, *given, largest_file=200_000)
    assert full.returncode == 1, full
    assert "Traceback" not in full.stderr
    run = tmp_path / "runs" / "r1"
    before = asyncio.run(read_run(run).rows("effects"))
    assert before
    ended = asyncio.run(read_run(run).record()).terminal
    # Where the checkpoints filled up first, there was room for an ending; where the journal did, for nothing more.
    said = ended.message if ended else full.stderr
    assert "r1/" in said
    assert "is the disk full" in said
    assert said.rstrip("\n").count("\n") == 0
    resumed = peercycle(tmp_path, "resume", "r1")
    assert resumed.returncode == 0, resumed.stderr
    after = {place(row): row["attempts"] for row in asyncio.run(read_run(run).rows("effects"))}
    assert all(after[place(row)] == 1 for row in before if row["state"] == "settled")


def place(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("candidate", "stage", "visit", "kind", "request_sha256", "occurrence"))
