"""The run directory: made whole, found by name, stopped, answered and removed from outside."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peercycle.core.base import artifact_ref, canonical_json
from peercycle.core.errors import DamagedRunError, RunInUseError, StoreError, UsageError
from peercycle.core.journal import EffectKey, Question
from peercycle.core.runs import RunRecord, Terminal
from peercycle.core.writing import ResearchTask
from peercycle.store import directory
from peercycle.store.directory import (
    answer_question,
    create_run,
    find_run,
    list_runs,
    new_run_id,
    open_run,
    read_run,
    remove_run,
    request_stop,
    run_status,
)
from peercycle.store.disk import as_store_error


def test_a_new_run_is_whole_and_private(
    new_run: Callable[..., Any], record_for: Callable[..., RunRecord], task: ResearchTask
) -> None:
    async def main() -> None:
        async with new_run() as run:
            assert await run.record() == record_for()
            assert await read_run(run.path).record() == record_for()
            assert await run.artifacts.get(record_for().task) == canonical_json(task)
            assert [row["name"] for row in await run.rows("artifacts")] == ["task"]
            assert run.fence == 1
            await run.artifacts.put(b"body")
            for path in [run.path, *run.path.rglob("*")]:
                assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
            assert sorted(path.name for path in run.path.parent.iterdir()) == ["river"]

    asyncio.run(main())


@pytest.mark.parametrize("what", ["a run", "a file in a folder", "a file"])
def test_what_is_there_already_is_never_taken_for_a_new_run(
    tmp_path: Path, new_run: Callable[..., Any], record_for: Callable[..., RunRecord], task: ResearchTask, what: str
) -> None:
    async def main() -> None:
        path = tmp_path / "runs" / "river"
        if what == "a run":
            async with new_run():
                pass
        elif what == "a file in a folder":
            path.mkdir(parents=True)
            (path / "notes.txt").write_text("mine")
        else:
            path.parent.mkdir()
            path.write_text("mine")
        before = sorted(str(p) for p in path.parent.rglob("*"))
        with pytest.raises(UsageError, match="exists already"):
            await create_run(tmp_path / "runs", record_for(), task, in_loop=False)
        assert sorted(str(p) for p in path.parent.rglob("*")) == before

    asyncio.run(main())


def test_of_two_processes_that_make_a_run_of_one_name_the_later_is_told_that_it_exists(
    tmp_path: Path,
    new_run: Callable[..., Any],
    record_for: Callable[..., RunRecord],
    task: ResearchTask,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = tmp_path / "runs"

    def overtaken(aside: Path, *given: Any) -> None:
        fill(aside, *given)
        (runs / "river").mkdir()
        (runs / "river" / "run.json").write_text("the other's")

    fill = directory._fill
    monkeypatch.setattr(directory, "_fill", overtaken)
    with pytest.raises(UsageError, match="exists already; resume that run"):
        asyncio.run(create_run(runs, record_for(), task, in_loop=False))
    assert [str(path.relative_to(runs)) for path in runs.rglob("*")] == ["river", "river/run.json"]


def test_only_of_a_file_that_was_there_is_it_said_that_it_is_kept(tmp_path: Path) -> None:
    error = OSError(errno.ENOSPC, "No space left on device")
    (tmp_path / "old").write_text("old")
    assert str(as_store_error(error, "write", tmp_path / "old")).endswith("what it held before is kept")
    assert str(as_store_error(error, "write", tmp_path / "new")).endswith("(is the disk full?)")


def test_a_record_of_another_task_is_refused(
    tmp_path: Path, record_for: Callable[..., RunRecord], task: ResearchTask
) -> None:
    record = record_for().model_copy(update={"task": artifact_ref(b"other")})
    with pytest.raises(UsageError, match="names the task"):
        asyncio.run(create_run(tmp_path, record, task, in_loop=False))
    assert list(tmp_path.iterdir()) == []


def test_a_run_half_made_by_a_killed_process_is_no_run_and_is_swept(
    tmp_path: Path, record_for: Callable[..., RunRecord], task: ResearchTask
) -> None:
    runs = tmp_path / "runs"
    script = (
        "import asyncio, os, signal, sys\nfrom pathlib import Path\nfrom peercycle.core.runs import RunRecord\n"
        "from peercycle.core.writing import ResearchTask\nfrom peercycle.store import directory\n"
        "directory.replace_record = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "record = RunRecord.model_validate_json(sys.argv[2])\n"
        "task = ResearchTask.model_validate_json(sys.argv[3])\n"
        "asyncio.run(directory.create_run(Path(sys.argv[1]), record, task, in_loop=False))\n"
    )
    command = [sys.executable, "-c", script, str(runs), record_for().model_dump_json(), task.model_dump_json()]
    assert subprocess.run(command, check=False, timeout=60).returncode == -signal.SIGKILL
    assert len(list(runs.iterdir())) == 1
    assert list_runs(runs) == []

    async def again() -> None:
        await (await create_run(runs, record_for(), task, in_loop=False)).close()

    asyncio.run(again())
    assert [path.name for path in runs.iterdir()] == ["river"]


def test_opening_what_is_no_run_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    for path in (tmp_path / "papers", tmp_path / "absent"):
        with pytest.raises(UsageError, match="no run directory"):
            asyncio.run(open_run(path, in_loop=False))
    assert list(tmp_path.rglob("*")) == [tmp_path / "papers"]


def test_each_driver_has_a_higher_fence(new_run: Callable[..., Any], reopened: Callable[..., Any]) -> None:
    async def main() -> None:
        async with new_run() as run:
            fences = [run.fence]
        for _ in range(2):
            async with reopened() as run:
                fences.append(run.fence)
        assert fences == [1, 2, 3]

    asyncio.run(main())


def test_one_process_cannot_drive_a_run_twice(new_run: Callable[..., Any]) -> None:
    async def main() -> None:
        async with new_run() as run:
            with pytest.raises(RunInUseError, match=f"process {os.getpid()};"):
                await open_run(run.path, in_loop=False)
            await run.write_record(await run.record())

    asyncio.run(main())


def test_closing_twice_is_safe_and_a_closed_run_refuses_to_write(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    async def main() -> None:
        async with new_run() as run:
            await run.close()
            await run.close()
            with pytest.raises(StoreError, match="was closed by this driver"):
                await run.add_wall_clock(1)
            assert await run.events() == ()

    asyncio.run(main())


def test_the_status_comes_from_the_terminal_record_and_the_lease(new_run: Callable[..., Any]) -> None:
    async def main() -> None:
        async with new_run() as run:
            assert run_status(run.path) == "running"
        assert run_status(run.path) == "crashed"
        again = await open_run(run.path, in_loop=False)
        assert run_status(run.path) == "running"
        end = Terminal(status="stopped", reason="drained", message="asked to", at=5.0)
        await again.write_record((await again.record()).model_copy(update={"terminal": end}))
        await again.close()
        assert run_status(run.path) == "stopped"
        [row] = await read_run(run.path).rows("runs")
        assert (row["status"], row["reason"], row["ended_at_utc"]) == (
            "stopped",
            "drained",
            "1970-01-01 00:00:05.000",
        )

    asyncio.run(main())


def test_a_record_is_replaced_whole_and_only_by_its_own_run(
    new_run: Callable[..., Any], record_for: Callable[..., RunRecord]
) -> None:
    async def main() -> None:
        async with new_run() as run:
            with pytest.raises(UsageError, match="'brook' cannot be written into run 'river'"):
                await run.write_record(record_for("brook"))
            await run.write_record(record_for().model_copy(update={"choices": ("policy: extractive",)}))
            assert (await read_run(run.path).record()).choices == ("policy: extractive",)
            assert not list(run.path.glob(".*"))

    asyncio.run(main())


def test_runs_are_found_by_id_by_beginning_and_by_path(tmp_path: Path, new_run: Callable[..., Any]) -> None:
    async def main() -> None:
        for name in ("20260102-a", "20260101-a", "20260102-b"):
            async with new_run(name):
                pass

    asyncio.run(main())
    runs = tmp_path / "runs"
    (runs / "notes").mkdir()
    assert [path.name for path in list_runs(runs)] == ["20260101-a", "20260102-a", "20260102-b"]
    assert list_runs(tmp_path / "absent") == []
    for name in ("20260101-a", "20260101", str(runs / "20260101-a")):
        assert find_run(name, runs) == runs / "20260101-a"
    with pytest.raises(UsageError, match="may be any of '20260102-a', '20260102-b'"):
        find_run("20260102", runs)
    with pytest.raises(UsageError, match="nearest: '20260101-a'"):
        find_run("2026O101-a", runs)
    with pytest.raises(UsageError, match="there is none"):
        find_run("x", tmp_path / "absent")
    for name in ("../runs", ".", ""):
        with pytest.raises(UsageError):
            find_run(name, runs)


def test_an_id_that_begins_another_one_means_itself(tmp_path: Path, new_run: Callable[..., Any]) -> None:
    async def main() -> None:
        for name in ("a", "ab"):
            async with new_run(name):
                pass

    asyncio.run(main())
    assert find_run("a", tmp_path / "runs").name == "a"


def test_new_ids_sort_by_time_and_differ(record_for: Callable[..., RunRecord]) -> None:
    ids = [new_run_id(1_700_000_000 + number / 500) for number in range(600)]
    assert ids == sorted(ids)
    assert new_run_id(0.0, b"x") == new_run_id(0.0, b"x") != new_run_id(0.0, b"y")
    assert new_run_id(0.0, b"x").startswith("19700101-000000-000-")
    assert record_for(ids[0]).options.model_copy().model_validate({"run_id": ids[0]}).run_id == ids[0]
    assert len({new_run_id(1.0) for _ in range(100)}) == 100


def test_a_stop_is_asked_for_from_outside_and_forgotten(new_run: Callable[..., Any]) -> None:
    async def main() -> None:
        async with new_run() as run:
            assert await run.stop_requested() is None
            request_stop(run.path)
            assert await run.stop_requested() == "drain"
            with pytest.raises(UsageError, match="cannot be asked to 'explode'"):
                request_stop(run.path, "explode")
            await run.clear_stop()
            await run.clear_stop()
            assert await run.stop_requested() is None

    asyncio.run(main())


def test_a_question_is_answered_while_the_run_is_driven(new_run: Callable[..., Any]) -> None:
    async def main() -> None:
        async with new_run() as run:
            asked = Question(
                id="q1", question="Which river?", schema={"type": "string"}, candidate="c0", stage="plan"
            )
            await run.save_question(asked)
            assert await run.questions(open_only=True) == (asked,)
            with pytest.raises(UsageError, match="no question 'q2'; open ones: 'q1'"):
                await answer_question(run.path, "q2", 1)
            await answer_question(run.path, "q1", {"name": "Rhône"})
            [known] = await run.questions()
            assert (known.answered, known.answer) == (True, {"name": "Rhône"})
            assert await run.questions(open_only=True) == ()
            with pytest.raises(UsageError, match="was answered already"):
                await answer_question(run.path, "q1", 2)
            # The driver refuses the answer: the question is open again.
            await run.save_question(asked)
            assert await run.questions(open_only=True) == (asked,)
            await answer_question(run.path, "q1", None)
            assert (await run.questions())[0].answered

    asyncio.run(main())


def test_an_answer_for_no_run_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        asyncio.run(answer_question(tmp_path, "q", 1))
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_removed_whole_and_never_while_it_is_driven(new_run: Callable[..., Any]) -> None:
    async def main() -> None:
        async with new_run() as run:
            with pytest.raises(RunInUseError):
                await remove_run(run.path)
            await run.write_record(await run.record())
        papers = run.path.parent / "papers"
        papers.mkdir()
        with pytest.raises(UsageError, match="nothing was removed"):
            await remove_run(papers)
        await remove_run(run.path)
        assert [path.name for path in run.path.parent.iterdir()] == ["papers"]

    asyncio.run(main())


def test_a_run_can_be_read_whole_while_it_is_written(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    from peercycle.core.events import RunEvent

    async def main() -> None:
        async with new_run() as run:
            reader = read_run(run.path)
            seen = 0

            async def watch() -> None:
                nonlocal seen
                while seen < 200:
                    found = await reader.events(after=seen)
                    assert [number for number, _ in found] == list(range(seen + 1, seen + 1 + len(found)))
                    seen += len(found)
                    await asyncio.sleep(0.005)

            watching = asyncio.create_task(watch())
            for number in range(200):
                await run.add_event(RunEvent(run_id="river", kind="log", at=float(number), message=str(number)))
                if number % 20 == 0:
                    await run.add_wall_clock(0.1)
            await asyncio.wait_for(watching, 100)
            with pytest.raises(StoreError, match="for reading only"):
                await reader.artifacts.put(b"x")
            with pytest.raises(UsageError, match="no table 'sqlite_master'"):
                await reader.rows("sqlite_master")

    asyncio.run(main())


def test_a_line_of_the_log_reaches_readers_within_a_moment(new_run: Callable[..., Any]) -> None:
    from peercycle.core.events import RunEvent

    async def main() -> None:
        async with new_run() as run:
            event = RunEvent("river", "log", 1.5, "hello", "c0", "plan", 2, {"n": [1]})
            await run.add_event(event)
            assert [one for _, one in await run.events()] == [event]
            await run.add_event(event)
            began = time.monotonic()
            while len(await read_run(run.path).events(kinds=["log"])) < 2:
                assert time.monotonic() - began < 60
                await asyncio.sleep(0.01)
            assert await run.events(kinds=["other"]) == ()

    asyncio.run(main())


def test_the_end_of_a_log_is_found_without_reading_it(new_run: Callable[..., Any]) -> None:
    from peercycle.core.events import RunEvent

    async def main() -> None:
        async with new_run() as run:
            assert await run.last_event() == 0
            for number in range(3):
                await run.add_event(RunEvent("river", "log", 1.5, str(number)))
            [*_, (newest, _)] = await run.events()
            assert await run.last_event() == newest
            path = run.path
        with sqlite3.connect(path / "run.sqlite") as connection:
            connection.execute("UPDATE events SET data_json = '{'")
        with pytest.raises(DamagedRunError):
            await read_run(path).events()
        assert await read_run(path).last_event() == newest

    asyncio.run(main())


def test_paths_of_every_spelling_work(
    tmp_path: Path, record_for: Callable[..., RunRecord], task: ResearchTask
) -> None:
    async def main() -> None:
        folder = tmp_path / "my runs #1? 100%"
        run = await create_run(folder, record_for(), task, in_loop=False)
        await run.close()
        again = await open_run(folder / "river", in_loop=False)
        await again.close()
        assert len(await read_run(folder / "river").rows("runs")) == 1

    asyncio.run(main())


def test_a_relative_path_works_too(
    tmp_path: Path, record_for: Callable[..., RunRecord], task: ResearchTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        monkeypatch.chdir(tmp_path)
        run = await create_run(Path("runs"), record_for(), task, in_loop=False)
        await run.close()
        await remove_run(Path("runs/river"))
        assert list((tmp_path / "runs").iterdir()) == []

    asyncio.run(main())
