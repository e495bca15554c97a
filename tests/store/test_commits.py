"""Group commit: many writes to one sync, each on its own, none told before it is on the disk."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from peercycle.core.errors import BudgetExceededError, StoreError
from peercycle.core.journal import EffectKey, EffectOutcome
from peercycle.core.modelling import Usage
from peercycle.store import commits, disk, record, syncing
from peercycle.store.directory import create_run, open_run


def test_writes_that_arrive_together_share_a_commit(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 0
    real = commits.commit

    def counted(connection: sqlite3.Connection) -> None:
        nonlocal count
        count += 1
        real(connection)

    async def main() -> None:
        async with new_run() as run:
            monkeypatch.setattr(commits, "commit", counted)
            tickets = await asyncio.gather(
                *[run.begin_effect(key_for(n), n, Usage(model_calls=1)) for n in range(200)]
            )
            await asyncio.gather(*[run.settle_effect(ticket, EffectOutcome(result=1)) for ticket in tickets])
            assert len(await run.rows("effects")) == 200

    asyncio.run(main())
    # How many meet depends on the machine; by itself each of the 400 would have one.
    assert 2 <= count <= 200


def test_a_write_that_fails_takes_no_other_with_it(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    async def main() -> None:
        async with new_run(tokens=100, kept_for_finish=0) as run:
            sizes = [30, 500, 30, 500, 30]
            found = await asyncio.gather(
                *[run.begin_effect(key_for(n), n, Usage(prompt_tokens=size)) for n, size in enumerate(sizes)],
                return_exceptions=True,
            )
            assert [isinstance(one, BudgetExceededError) for one in found] == [False, True, False, True, False]
            assert len(await run.rows("effects")) == len(await run.rows("spending")) == 3

    asyncio.run(main())


def test_a_write_is_on_the_disk_before_its_caller_goes_on(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    async def main() -> None:
        async with new_run() as run:
            for number in range(20):
                await run.begin_effect(key_for(number), number, Usage())
                other = sqlite3.connect(run.path / "run.sqlite")
                assert other.execute("SELECT COUNT(*) FROM effects").fetchone() == (number + 1,)
                other.close()

    asyncio.run(main())


def test_every_commit_of_the_driver_is_synced(new_run: Callable[..., Any], in_loop: bool) -> None:
    async def main() -> None:
        async with new_run() as run:
            full, wal = await run._commits.read(
                lambda c: (
                    c.execute("PRAGMA synchronous").fetchone()[0],
                    c.execute("PRAGMA journal_mode").fetchone()[0],
                )
            )
            # In the loop a commit does not sync by itself: the next test shows that its callers wait all the same.
            assert (full, wal) == (1 if in_loop else 2, "wal")

    asyncio.run(main())


def test_no_caller_goes_on_before_the_disk_has_its_commit(
    tmp_path: Path, record_for: Callable[..., Any], task: Any, key_for: Callable[..., EffectKey], monkeypatch: Any
) -> None:
    reached, let_go = threading.Event(), threading.Event()
    committed: list[int] = []

    async def main() -> None:
        run = await create_run(tmp_path, record_for(), task, in_loop=True)
        real = disk.sync_log

        def slow(descriptor: int) -> None:
            with closing(sqlite3.connect(run.path / "run.sqlite")) as other:
                committed.extend(other.execute("SELECT COUNT(*) FROM effects").fetchone())
            reached.set()
            let_go.wait(60)
            real(descriptor)

        monkeypatch.setattr(syncing, "sync_log", slow)
        first = asyncio.create_task(run.begin_effect(key_for(1), 1, Usage()))
        await asyncio.to_thread(reached.wait, 60)
        second = asyncio.create_task(run.begin_effect(key_for(2), 2, Usage()))
        # The loop is not held up, and reads see what is committed; yet nobody is told that it is safe.
        assert len(await run.rows("effects")) == 2
        assert not first.done()
        assert not second.done()
        let_go.set()
        await asyncio.gather(first, second)
        await run.close()

    asyncio.run(main())
    assert committed[:2] == [1, 2]


def test_a_disk_that_cannot_be_synced_fails_those_who_wait(
    tmp_path: Path, record_for: Callable[..., Any], task: Any, key_for: Callable[..., EffectKey], monkeypatch: Any
) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    async def main() -> None:
        run = await create_run(tmp_path, record_for(), task, in_loop=True)
        with monkeypatch.context() as patched:
            patched.setattr(syncing, "sync_log", refuse)
            with pytest.raises(StoreError, match=r"cannot write '.*run\.sqlite': Input/output error"):
                await run.begin_effect(key_for(1), 1, Usage())
        await run.close()

    asyncio.run(main())


def test_the_loop_goes_on_while_the_disk_takes_a_record(
    tmp_path: Path, record_for: Callable[..., Any], task: Any, key_for: Callable[..., EffectKey], monkeypatch: Any
) -> None:
    reached, let_go = threading.Event(), threading.Event()
    released: list[bool] = []
    real = disk.replace_file

    def slow(path: Path, data: bytes) -> None:
        reached.set()
        released.append(let_go.wait(60))
        real(path, data)

    async def main() -> None:
        run = await create_run(tmp_path, record_for(), task, in_loop=True)
        monkeypatch.setattr(record, "replace_file", slow)
        ended = record_for().model_copy(update={"peercycle_version": "9"})
        first = asyncio.create_task(run.write_record(ended))
        await asyncio.to_thread(reached.wait, 60)
        second = asyncio.create_task(run.begin_effect(key_for(1), 1, Usage()))
        await asyncio.sleep(0.02)
        # In the order in which they came: what comes after the record waits for it.
        assert not first.done()
        assert not second.done()
        let_go.set()
        await asyncio.gather(first, second)
        assert [row["peercycle_version"] for row in await run.rows("runs")] == ["9"]
        assert len(await run.rows("effects")) == 1
        await run.close()

    asyncio.run(main())
    assert released == [True]


def test_a_run_that_is_closed_at_once_has_its_record_written(
    tmp_path: Path, record_for: Callable[..., Any], task: Any, in_loop: bool
) -> None:
    ended = record_for().model_copy(update={"peercycle_version": "9"})

    async def main() -> None:
        run = await create_run(tmp_path, record_for(), task, in_loop=in_loop)
        writing = asyncio.create_task(run.write_record(ended))
        await asyncio.sleep(0)
        await run.close()
        await writing

    asyncio.run(main())
    assert record.read_record(tmp_path / "river") == ended


def test_an_error_inside_a_write_reaches_its_caller_and_the_thread_lives(new_run: Callable[..., Any]) -> None:
    async def main() -> None:
        async with new_run() as run:

            def broken(_connection: sqlite3.Connection) -> None:
                raise ZeroDivisionError("a bug")

            with pytest.raises(ZeroDivisionError):
                await run._commits.write(broken)
            assert len(await run.rows("runs")) == 1

    asyncio.run(main())


def test_a_run_can_be_used_from_several_event_loops(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    async def main() -> None:
        async with new_run() as run:

            def elsewhere(number: int) -> None:
                asyncio.run(run.begin_effect(key_for(number), number, Usage()))

            await asyncio.gather(*[asyncio.to_thread(elsewhere, number) for number in range(4)])
            assert len(await run.rows("effects")) == 4

    asyncio.run(main())


def test_what_a_failing_write_had_written_is_taken_back(new_run: Callable[..., Any]) -> None:
    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE runs SET seconds_worked = 1000000")
        raise ZeroDivisionError("a bug")

    async def main() -> None:
        async with new_run() as run:
            await asyncio.gather(
                run.add_wall_clock(1), run._commits.write(broken), run.add_wall_clock(2), return_exceptions=True
            )
            assert [row["seconds_worked"] for row in await run.rows("runs")] == [3]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("in_loop", "where", "name"),
    [(True, record, "replace_file"), (True, syncing, "sync_log"), (False, commits, "commit")],
    ids=["while a record is written", "while the disk is waited for", "in a thread"],
)
def test_a_close_that_is_cancelled_still_writes_what_is_left_and_gives_the_lease_up(
    tmp_path: Path, record_for: Callable[..., Any], task: Any, in_loop: bool, where: Any, name: str, monkeypatch: Any
) -> None:
    reached, let_go = threading.Event(), threading.Event()
    real = getattr(where, name)

    def slow(*args: Any) -> None:
        reached.set()
        let_go.wait(60)
        real(*args)

    async def main() -> None:
        run = await create_run(tmp_path, record_for(), task, in_loop=in_loop)
        monkeypatch.setattr(where, name, slow)
        writing = asyncio.create_task(run.write_record(record_for()))
        await asyncio.to_thread(reached.wait, 60)
        ending = asyncio.create_task(run.close())
        for _ in range(3):
            await asyncio.sleep(0.01)
            ending.cancel()
        await asyncio.sleep(0.01)
        assert not ending.done()
        let_go.set()
        with pytest.raises(asyncio.CancelledError):
            await ending
        await writing
        with pytest.raises(sqlite3.ProgrammingError, match=r"closed database"):
            run._commits._connection.execute("SELECT 1")
        again = await open_run(run.path, in_loop=in_loop)
        await again.close()

    asyncio.run(main())


def test_what_a_cancelled_caller_cannot_take_back_keeps_no_other_caller_waiting(
    new_run: Callable[..., Any],
) -> None:
    def refuse(result: object) -> None:
        raise RuntimeError("nowhere to put it")

    async def main() -> list[str]:
        told: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(str(context["exception"])))
        async with new_run() as run:
            first = asyncio.create_task(run._commits.write(lambda _: 1, refuse))
            second = asyncio.create_task(run._commits.write(lambda _: 2))
            await asyncio.sleep(0)
            first.cancel()
            assert await asyncio.wait_for(second, 60) == 2
        return told

    assert asyncio.run(main()) == ["nowhere to put it"]
