"""The threads that wait for the disk: whatever goes wrong in one, nobody waits for ever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from peercycle.core.errors import StoreError
from peercycle.store import syncing
from peercycle.store.database import connect, create_database
from peercycle.store.directory import create_run
from peercycle.store.disk import sync_log as sync_really
from peercycle.store.syncing import Log


@pytest.fixture(autouse=True)
def disk(monkeypatch: pytest.MonkeyPatch) -> syncing._Disk:
    """Threads of this test's own."""
    own = syncing._Disk()
    monkeypatch.setattr(syncing, "_DISKS", [own])
    return own


async def synced(log: Log) -> Exception | None:
    """Have the log synced, and return why it could not be."""
    told: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
    log.sync(told.set_result)
    return await asyncio.wait_for(told, 60)


def with_log(folder: Path, main: Callable[[Log], Any]) -> None:
    """Call `main` with the log of a new database, which is closed in the end."""

    async def whole() -> None:
        database = folder / "run.sqlite"
        create_database(database)
        with closing(connect(database)) as connection:
            log = Log(connection, database, asyncio.get_running_loop())
            await main(log)
            await asyncio.wait_for(log.idle(), 60)
            log.close()

    asyncio.run(whole())


def test_what_is_no_fault_of_the_disks_is_told_and_the_next_sync_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: list[Exception] = [MemoryError("no room for it")]

    def sync_log(descriptor: int) -> None:
        if faults:
            raise faults.pop()
        sync_really(descriptor)

    monkeypatch.setattr(syncing, "sync_log", sync_log)

    async def main(log: Log) -> None:
        assert isinstance(await synced(log), MemoryError)
        assert await synced(log) is None

    with_log(tmp_path, main)


def test_a_run_hears_what_went_wrong_in_the_thread_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_for: Callable[..., Any], task: Any
) -> None:
    async def main() -> None:
        run = await create_run(tmp_path, record_for(), task, in_loop=True)
        with monkeypatch.context() as patched:
            patched.setattr(syncing, "sync_log", lambda descriptor: [][descriptor])
            with pytest.raises(StoreError, match="list index out of range"):
                await asyncio.wait_for(run.write_record(record_for()), 60)
        await asyncio.wait_for(run.close(), 60)

    asyncio.run(main())


def test_where_no_thread_can_be_started_the_log_is_synced_all_the_same(
    tmp_path: Path, disk: syncing._Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []

    def sync_log(descriptor: int) -> None:
        threads.append(threading.get_ident())
        sync_really(descriptor)

    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(syncing, "sync_log", sync_log)

    async def main(log: Log) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", start)
            assert await synced(log) is None
        assert await synced(log) is None
        here = threading.get_ident()
        assert [thread == here for thread in threads] == [True, False]

    with_log(tmp_path, main)


def test_where_no_further_thread_can_be_started_those_there_are_sync_every_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "SHARE", 1)
    begun, go_on, threads = threading.Event(), threading.Event(), set()
    real_start = threading.Thread.start

    def sync_log(descriptor: int) -> None:
        threads.add(threading.get_ident())
        begun.set()
        go_on.wait(10)
        sync_really(descriptor)

    def start(self: threading.Thread) -> None:
        if self.name != "store_1":
            raise RuntimeError("can't start new thread")
        real_start(self)

    monkeypatch.setattr(syncing, "sync_log", sync_log)
    monkeypatch.setattr(threading.Thread, "start", start)

    async def main(log: Log) -> None:
        with closing(connect(tmp_path / "run.sqlite")) as connection:
            logs = [log, *[Log(connection, tmp_path / "run.sqlite", log.loop) for _ in range(3)]]
            told: list[Exception | None] = []
            for each in logs:
                each.sync(told.append)
                begun.wait(10)
            go_on.set()
            for each in logs[1:]:
                await asyncio.wait_for(each.idle(), 60)
                each.close()
        assert told == [None] * 4
        assert len(threads) == 1
        assert threading.get_ident() not in threads

    with_log(tmp_path, main)


def test_one_of_those_who_wait_that_fails_keeps_no_other_waiting(tmp_path: Path) -> None:
    faults: list[str] = []

    def fail(failure: Exception | None) -> None:
        raise RuntimeError("it has nobody to tell")

    async def main(log: Log) -> None:
        log.loop.set_exception_handler(lambda _, context: faults.append(str(context["exception"])))
        log.sync(fail)
        held = asyncio.gather(synced(log), synced(log))
        log.sync(fail)
        assert list(await held) == [None, None]
        await asyncio.wait_for(log.idle(), 60)

    with_log(tmp_path, main)
    assert faults == ["it has nobody to tell"] * 2
