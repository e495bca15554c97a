"""Checkpoints belong to the newest driver: its number is checked in the transaction that writes."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import empty_checkpoint

from peercycle.core.errors import LeaseLostError, StoreError
from peercycle.graphs import checkpoints
from peercycle.graphs.checkpoint_file import FILE
from peercycle.graphs.checkpoints import FencedSaver, open_checkpoints
from peercycle.graphs.checkpoints_apart import SaverApart
from peercycle.store import syncing

PLACE: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}


Kind = type[FencedSaver]


@pytest.fixture(params=[FencedSaver, SaverApart], ids=["in the loop", "in a thread"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Which thread writes."""
    chosen: Kind = request.param
    return chosen


async def save(saver: FencedSaver, value: str = "") -> None:
    """Save a checkpoint and a write that belongs to it."""
    checkpoint = {**empty_checkpoint(), "channel_values": {"value": value}}
    saved = await saver.aput(PLACE, checkpoint, {"step": 1}, {})  # type: ignore[arg-type]
    await saver.aput_writes(saved, [("value", value)], "task")


def rows(folder: Path) -> list[Any]:
    """Return everything in the file."""
    with closing(sqlite3.connect(folder / FILE)) as connection:
        return [connection.execute(f"SELECT * FROM {t}").fetchall() for t in ("checkpoints", "writes", "driver")]


def test_an_older_driver_writes_nothing_once_a_newer_one_has_opened(tmp_path: Path, kind: Kind) -> None:
    async def main() -> None:
        async with open_checkpoints(tmp_path, 1, kind) as old:
            await save(old)
            async with open_checkpoints(tmp_path, 2, kind) as new:
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


def test_an_older_driver_cannot_open_after_a_newer_one(tmp_path: Path, kind: Kind) -> None:
    async def main(fence: int) -> None:
        async with open_checkpoints(tmp_path, fence, kind) as saver:
            await save(saver)

    asyncio.run(main(2))
    before = rows(tmp_path)
    with pytest.raises(LeaseLostError, match="driver 2 took it over"):
        asyncio.run(main(1))
    assert rows(tmp_path) == before


def test_no_driver_can_come_between_the_check_and_the_write(tmp_path: Path) -> None:
    tried: list[int] = []

    async def main() -> None:
        async with open_checkpoints(tmp_path, 1) as saver:

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


def test_a_cancelled_task_that_still_wants_to_save_is_refused_after_the_close(tmp_path: Path, kind: Kind) -> None:
    async def main() -> None:
        async with open_checkpoints(tmp_path, 1, kind) as saver:
            await save(saver)
        for late in (save(saver), saver.aget_tuple(PLACE)):
            with pytest.raises(StoreError, match="was closed by this driver"):
                await late

    asyncio.run(main())


def test_the_checkpoint_that_follows_stands_for_what_a_task_wrote(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_checkpoints(tmp_path, 1) as saver:
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
    tmp_path: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "LOG_BYTES", 100_000)
    monkeypatch.setattr(checkpoints, "LOOK_AT_LOG_EVERY", 2)
    log = tmp_path / f"{FILE}-wal"

    async def main() -> int:
        async with open_checkpoints(tmp_path, 1, kind) as saver:
            for _ in range(100):
                await save(saver, "x" * 10_000)
                await asyncio.sleep(0)
                if saver._folding is not None:
                    await saver._folding
            return log.stat().st_size

    assert asyncio.run(main()) < 500_000
    assert not log.exists()
    assert len(rows(tmp_path)[0]) == 100
