"""Bad disks and bad files: one line that names the file, and what was there before is kept."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from peercycle.core.errors import DamagedRunError, RunVersionError, StoreError
from peercycle.core.events import RunEvent
from peercycle.core.journal import EffectKey, EffectOutcome
from peercycle.core.modelling import Usage
from peercycle.core.runs import RunRecord
from peercycle.core.writing import ResearchTask
from peercycle.store.directory import create_run, open_run, read_run


@pytest.fixture
def river(new_run: Callable[..., Any], key_for: Callable[..., EffectKey]) -> Path:
    async def make() -> Path:
        async with new_run() as run:
            for number in range(60):
                ticket = await run.begin_effect(key_for(number), {"n": number, "pad": "p" * 500}, Usage())
                await run.settle_effect(ticket, EffectOutcome(result="r" * 500))
        path: Path = run.path
        return path

    return asyncio.run(make())


def opening(path: Path) -> None:
    async def main() -> None:
        await (await open_run(path, in_loop=False)).close()

    asyncio.run(main())


def everything(path: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name != "lease" and not file.name.endswith("-shm")
    }


def damage(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == "middle":
        for page in range(2, len(data) // 4096):
            data[page * 4096 : page * 4096 + 16] = b"\xff" * 16
    elif how == "header":
        data[:16] = b"not a database!!"
    path.write_bytes(bytes(data))
    if how == "cut":
        os.truncate(path, len(data) // 2 + 100)
    elif how == "emptied":
        os.truncate(path, 0)
    elif how == "removed":
        path.unlink()


@pytest.mark.parametrize("how", ["middle", "header", "cut", "emptied", "removed"])
def test_a_damaged_database_is_named_and_left_as_it_is(river: Path, how: str) -> None:
    damage(river / "run.sqlite", how)
    before = everything(river)
    with pytest.raises(DamagedRunError, match=r"run\.sqlite' is (damaged|missing)") as caught:
        opening(river)
    assert "\n" not in str(caught.value)
    assert {name: data for name, data in everything(river).items() if name != "run.sqlite-wal" or data} == before


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"run_id": "river"}', "\x00\xff"])
def test_a_damaged_record_is_named_and_left_as_it_is(river: Path, text: str) -> None:
    (river / "run.json").write_text(text)
    before = everything(river)
    with pytest.raises(DamagedRunError, match=r"run\.json' is damaged"):
        opening(river)
    assert everything(river) == before


def test_a_database_of_another_version_is_refused(river: Path) -> None:
    with sqlite3.connect(river / "run.sqlite") as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(RunVersionError, match="has format 7, and this version reads 2"):
        opening(river)
    with pytest.raises(RunVersionError):
        asyncio.run(read_run(river).events())


def test_a_record_of_another_version_is_refused(river: Path) -> None:
    record = json.loads((river / "run.json").read_text())
    (river / "run.json").write_text(json.dumps(record | {"schema_version": 2, "novelty": 1}))
    with pytest.raises(RunVersionError, match="has format 2"):
        opening(river)


def test_a_database_of_another_run_is_refused(river: Path, new_run: Callable[..., Any]) -> None:
    async def other() -> Path:
        async with new_run("brook") as run:
            path: Path = run.path
            return path

    shutil.copy(asyncio.run(other()) / "run.sqlite", river / "run.sqlite")
    with pytest.raises(DamagedRunError, match="not that of run 'river'"):
        opening(river)


def as_nobody(path: Path, work: Callable[[], None]) -> None:
    """Do `work` as a user whom permissions bind, in a child; its exit status says whether it held."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            work()
            status = 0
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.fixture
def open_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="peercycle-"))
    yield folder
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            path.chmod(0o700)
    shutil.rmtree(folder)


def give_away(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if os.geteuid() == 0:
            os.chown(path, 65534, 65534)


def test_a_read_only_directory_cannot_be_driven_and_can_be_read(river: Path, open_folder: Path) -> None:
    run = open_folder / "river"
    shutil.copytree(river, run)
    give_away(open_folder)
    for path in [run, *run.rglob("*")]:
        path.chmod(0o500 if path.is_dir() else 0o400)

    def work() -> None:
        with pytest.raises(StoreError, match=r"cannot take the lease .*Permission denied"):
            opening(run)
        assert len(asyncio.run(read_run(run).rows("effects"))) == 60

    as_nobody(open_folder, work)


def test_a_run_cannot_be_made_in_a_read_only_folder(
    open_folder: Path, record_for: Callable[..., RunRecord], task: ResearchTask
) -> None:
    give_away(open_folder)
    open_folder.chmod(0o500)

    def work() -> None:
        with pytest.raises(StoreError, match=r"cannot make a run .*Permission denied") as caught:
            asyncio.run(create_run(open_folder, record_for(), task, in_loop=False))
        assert "\n" not in str(caught.value)

    as_nobody(open_folder, work)
    assert list(open_folder.iterdir()) == []


def test_a_full_disk_is_one_line_and_what_was_before_is_kept(river: Path, key_for: Callable[..., EffectKey]) -> None:
    # A limit on the size of files stands for a full disk: writes fail in the same places.
    async def main() -> None:
        run = await open_run(river, in_loop=False)
        ticket: Any = await run.begin_effect(key_for("before"), None, Usage(model_calls=1))
        before = await run.rows("effects")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        try:
            for write in (
                run.begin_effect(key_for("new"), "p" * 7000, Usage(model_calls=1)),
                run.settle_effect(ticket, EffectOutcome(result="r" * 7000)),
                run.artifacts.put(b"b" * 10_000),
                run.write_record((await run.record()).model_copy(update={"choices": ("c" * 9000,)})),
            ):
                with pytest.raises(StoreError) as caught:
                    await write
                assert "\n" not in str(caught.value)
                assert str(river) in str(caught.value)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert await run.rows("effects") == before
        assert not list((river / "artifacts").glob("tmp/*"))
        # The same driver goes on once there is room.
        await run.settle_effect(ticket, EffectOutcome(result="r" * 7000))
        await run.close()

    asyncio.run(main())
    opening(river)
    assert asyncio.run(read_run(river).find_effect(key_for("before"))) is not None


def test_a_line_of_the_log_that_the_disk_refused_is_said_at_the_next_one(river: Path) -> None:
    async def main() -> None:
        run = await open_run(river, in_loop=False)
        event = RunEvent(run_id="river", kind="log", at=1.0, message="m" * 20_000)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        try:
            await run.add_event(event)
            # A read comes after everything that was handed in before it.
            await run.events()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        with pytest.raises(StoreError, match=r"run\.sqlite"):
            await run.add_event(event)
        await run.add_event(event)
        await run.close()

    asyncio.run(main())
    assert len(asyncio.run(read_run(river).events())) == 1
