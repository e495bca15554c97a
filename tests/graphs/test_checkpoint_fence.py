"""Checkpoints belong to the newest driver: its number is checked in the transaction that writes."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import pytest
from langgraph.checkpoint.base import empty_checkpoint

from peercycle.core.errors import LeaseLostError, StoreError
from peercycle.graphs import checkpoints, fenced_saver
from peercycle.graphs.checkpoint_file import FILE
from peercycle.graphs.checkpoint_file import open_file as open_really
from peercycle.graphs.checkpoints import open_checkpoints
from peercycle.graphs.checkpoints_in_loop import SaverInLoop
from peercycle.graphs.fenced_saver import FencedSaver
from peercycle.store import syncing

PLACE: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}


@pytest.fixture(params=[True, False], ids=["in the loop", "in a thread"])
def in_loop(request: pytest.FixtureRequest) -> bool:
    """Which thread writes."""
    return bool(request.param)


async def save(saver: FencedSaver, value: str = "") -> None:
    """Save a checkpoint and a write that belongs to it."""
    checkpoint = {**empty_checkpoint(), "channel_values": {"value": value}}
    saved = await saver.aput(PLACE, checkpoint, {"step": 1}, {})  # type: ignore[arg-type]
    await saver.aput_writes(saved, [("value", value)], "task")


def rows(folder: Path) -> list[Any]:
    """Return everything in the file."""
    with closing(sqlite3.connect(folder / FILE)) as connection:
        return [connection.execute(f"SELECT * FROM {t}").fetchall() for t in ("checkpoints", "writes", "driver")]


def test_an_older_driver_writes_nothing_once_a_newer_one_has_opened(tmp_path: Path, in_loop: bool) -> None:
    async def main() -> None:
        async with open_checkpoints(tmp_path, 1, in_loop=in_loop) as old:
            await save(old)
            async with open_checkpoints(tmp_path, 2, in_loop=in_loop) as new:
                await save(new)
                before = rows(tmp_path)
                with pytest.raises(LeaseLostError, match="driver 1 of this run may write no more: driver 2"):
                    await save(old)
                with pytest.raises(LeaseLostError):
                    await old.aput_writes(
                        {"configurable": {**PLACE["configurable"], "checkpoint_id": "c"}}, [], "task"
                    )
                assert rows(tmp_path) == before
                await save(new)

    asyncio.run(main())


def test_an_older_driver_cannot_open_after_a_newer_one(tmp_path: Path, in_loop: bool) -> None:
    async def main(fence: int) -> None:
        async with open_checkpoints(tmp_path, fence, in_loop=in_loop) as saver:
            await save(saver)

    asyncio.run(main(2))
    before = rows(tmp_path)
    with pytest.raises(LeaseLostError, match="driver 2 took it over"):
        asyncio.run(main(1))
    assert rows(tmp_path) == before


def test_no_driver_can_come_between_the_check_and_the_write(tmp_path: Path) -> None:
    tried: list[int] = []

    async def main() -> None:
        async with open_checkpoints(tmp_path, 1, in_loop=True) as saver:

            def another_driver() -> None:
                tried.append(1)
                with (
                    closing(sqlite3.connect(tmp_path / FILE, timeout=0)) as other,
                    pytest.raises(sqlite3.OperationalError, match="locked"),
                ):
                    other.execute("UPDATE driver SET fence = 2")

            saver._write(another_driver)
            assert tried == [1]

    asyncio.run(main())


def test_a_cancelled_task_that_still_wants_to_save_is_refused_after_the_close(tmp_path: Path, in_loop: bool) -> None:
    async def main() -> None:
        async with open_checkpoints(tmp_path, 1, in_loop=in_loop) as saver:
            await save(saver)
        for late in (save(saver), saver.aget_tuple(PLACE)):
            with pytest.raises(StoreError, match="was closed by this driver"):
                await late

    asyncio.run(main())


def test_the_checkpoint_that_follows_stands_for_what_a_task_wrote(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_checkpoints(tmp_path, 1, in_loop=True) as saver:
            at: Any = {"configurable": {**PLACE["configurable"], "checkpoint_id": "c"}}
            elsewhere: Any = {"configurable": {**at["configurable"], "checkpoint_ns": "improve"}}
            writing = [
                asyncio.create_task(saver.aput_writes(place, [("value", 1)], "task")) for place in (at, elsewhere)
            ]
            for _ in range(5):
                # LangGraph goes round the loop a few times between the two.
                await asyncio.sleep(0)
            await saver.aput(at, empty_checkpoint(), {"step": 1}, {})
            await asyncio.gather(*writing)
            assert saver._commits == 1
            assert [row[1:4] for row in rows(tmp_path)[1]] == [("improve", "c", "task")], "it does not follow on this"
            await saver.aput_writes(at, [("value", 2)], "other")
            assert saver._commits == 2, "no checkpoint follows: it is saved all the same"
        assert len(rows(tmp_path)[1]) == 2

    asyncio.run(main())


def test_a_long_log_is_folded_into_the_file_while_the_run_goes_on(
    tmp_path: Path, in_loop: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "LOG_BYTES", 100_000)
    monkeypatch.setattr(fenced_saver, "LOOK_AT_LOG_EVERY", 2)
    log = tmp_path / f"{FILE}-wal"

    async def main() -> int:
        async with open_checkpoints(tmp_path, 1, in_loop=in_loop) as saver:
            for _ in range(100):
                await save(saver, "x" * 10_000)
                await asyncio.sleep(0)
                if isinstance(saver, SaverInLoop) and saver._folding is not None:
                    await saver._folding
            return log.stat().st_size

    assert asyncio.run(main()) < 500_000
    assert not log.exists()
    assert len(rows(tmp_path)[0]) == 100


def test_what_was_handed_in_before_the_close_is_written(tmp_path: Path, in_loop: bool) -> None:
    at: Any = {"configurable": {**PLACE["configurable"], "checkpoint_id": "c"}}
    first, go_on = threading.Event(), threading.Event()

    def in_hand() -> None:
        first.set()
        go_on.wait(10)

    async def main() -> None:
        async with open_checkpoints(tmp_path, 1, in_loop=in_loop) as saver:
            if not in_loop:
                # The thread has something else in hand: what is to be written stands behind it.
                asyncio.get_running_loop().run_in_executor(saver._executor, in_hand)
                await asyncio.to_thread(first.wait, 10)
            writing = [asyncio.create_task(saver.aput_writes(at, [("value", n)], f"task {n}")) for n in range(3)]
            await asyncio.sleep(0)
            asyncio.get_running_loop().call_later(0.05, go_on.set)
        await asyncio.gather(*writing)

    asyncio.run(main())
    assert [row[3] for row in rows(tmp_path)[1]] == ["task 0", "task 1", "task 2"]


class Watched(sqlite3.Connection):
    """A connection whose opening and closing take their time; the test lets each go on."""

    left_open: ClassVar[list[Watched]] = []
    opening, closing, go_on = threading.Event(), threading.Event(), threading.Event()

    def __init__(self, *how: Any, **named: Any) -> None:
        super().__init__(*how, **named)
        self.left_open.append(self)
        self.opening.set()
        self.go_on.wait(10)

    def close(self) -> None:
        self.closing.set()
        self.go_on.wait(10)
        super().close()
        self.left_open.remove(self)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> type[Watched]:
    """The connections to the checkpoints, none of them open, and none held up."""
    Watched.left_open.clear()
    Watched.opening.clear()
    Watched.closing.clear()
    Watched.go_on.set()

    def open_file(target: Path, fence: int) -> sqlite3.Connection:
        with closing(open_really(target, fence)):
            pass
        return sqlite3.connect(target, check_same_thread=False, factory=Watched)

    monkeypatch.setattr(checkpoints, "open_file", open_file)
    return Watched


async def cancelled_again_and_again(task: asyncio.Task[None], watched: type[Watched]) -> None:
    """Cancel what waits for a connection, more than once, and only then let the connection go on."""
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.01)
    watched.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 60)


def test_a_driver_that_is_cancelled_while_it_opens_leaves_nothing_open(
    tmp_path: Path, in_loop: bool, watched: type[Watched]
) -> None:
    async def opens() -> None:
        async with open_checkpoints(tmp_path, 1, in_loop=in_loop):
            pytest.fail("it was cancelled before")

    async def main() -> None:
        watched.go_on.clear()
        task = asyncio.create_task(opens())
        await asyncio.to_thread(watched.opening.wait, 10)
        await cancelled_again_and_again(task, watched)
        assert not watched.left_open

    asyncio.run(main())


def test_a_driver_that_is_cancelled_twice_while_it_closes_leaves_neither_connection_nor_thread(
    tmp_path: Path, in_loop: bool, watched: type[Watched]
) -> None:
    before = set(threading.enumerate())

    async def closes() -> None:
        async with open_checkpoints(tmp_path, 1, in_loop=in_loop) as saver:
            await saver.aget_tuple(PLACE)
            watched.go_on.clear()

    async def main() -> None:
        task = asyncio.create_task(closes())
        await asyncio.to_thread(watched.closing.wait, 10)
        await cancelled_again_and_again(task, watched)
        assert not watched.left_open

    asyncio.run(main())
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive(), thread.name


def test_a_file_that_cannot_be_made_is_one_line_of_the_store(tmp_path: Path) -> None:
    (tmp_path / ".checkpoints.sqlite.tmp").mkdir()
    with pytest.raises(StoreError, match=r"cannot write '.*checkpoints\.sqlite': ") as caught:
        open_really(tmp_path / "checkpoints.sqlite", 1)
    assert "\n" not in str(caught.value)
