"""The run directory: how a run is made, opened by its one driver, and read by anyone.

```
<id>/  run.json            its record; the terminal one is the only proof of the end
       run.sqlite          journal, log and tables: `peercycle.store.schema`
       artifacts/          bodies by hash
       lease               locked while somebody drives the run
       stop                there while the driver is asked to stop
```
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from contextlib import closing
from pathlib import Path

from peercycle.core.base import artifact_ref, canonical_json
from peercycle.core.errors import StoreError, UsageError
from peercycle.core.runs import RunRecord
from peercycle.core.writing import ResearchTask
from peercycle.store.artifacts import ARTIFACTS, FileArtifactStore, register_artifact
from peercycle.store.commits import begin, commit
from peercycle.store.database import DATABASE_FILE, check_database, connect, create_database, damaged
from peercycle.store.disk import DIRECTORY_MODE, disk_errors, sync_directory
from peercycle.store.driven import Home, RunDirectory, open_driver
from peercycle.store.lease import Lease, take_lease
from peercycle.store.reader import StoredRun
from peercycle.store.record import RECORD_FILE, read_record, replace_record, save_run_row
from peercycle.store.runs import (
    answer_question,
    find_run,
    is_run,
    list_runs,
    new_run_id,
    remove_run,
    request_stop,
    run_status,
    sweep_unfinished,
    take_over,
)

__all__ = [
    "RunDirectory",
    "StoredRun",
    "answer_question",
    "create_run",
    "find_run",
    "list_runs",
    "new_run_id",
    "open_run",
    "read_run",
    "remove_run",
    "request_stop",
    "run_status",
]


async def create_run(runs_dir: Path, record: RunRecord, task: ResearchTask, *, in_loop: bool) -> RunDirectory:
    """Make a run directory named by the record's id, and open it for its first driver.

    `in_loop`: commit in the thread of the running loop, which is quicker; else in a thread of the run's own, for a
    loop that must never be held up.

    It appears under its name whole: record, database and task. Raises `UsageError` where something is there
    already or the record names another task, `StoreError` where the disk refuses.
    """
    home = Home.here() if in_loop else None
    return await asyncio.to_thread(_create, runs_dir / record.run_id, record, task, home)


async def open_run(path: Path, *, in_loop: bool) -> RunDirectory:
    """Take the lease of a run and open it for writing; `in_loop` as in `create_run`.

    What a dead driver had in flight counts as spent, and its unfinished artefacts are removed. Raises
    `RunInUseError`, `RunVersionError`, `DamagedRunError`, or `UsageError` for what is no run directory.
    """
    return await asyncio.to_thread(_open, path, Home.here() if in_loop else None)


def read_run(path: Path) -> StoredRun:
    """Open a run for reading, also while it is driven. Raises `UsageError` for what is no run directory."""
    if not path.is_dir():
        raise UsageError(f"{str(path)!r} is no run directory; `peercycle status` lists the runs")
    return StoredRun(path)


def _create(path: Path, record: RunRecord, task: ResearchTask, home: Home | None) -> RunDirectory:
    body = canonical_json(task)
    if record.task != artifact_ref(body):
        raise UsageError(f"the record names the task {record.task!r}, and the task given is {artifact_ref(body)!r}")
    aside = path.with_name(f".new-{path.name}-{os.getpid()}")
    _make_folder(path.parent)
    with disk_errors("make a run at", path):
        sweep_unfinished(path.parent)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise _taken(path)
        aside.mkdir(mode=DIRECTORY_MODE)
    try:
        lease = take_lease(aside)
        try:
            _fill(aside, record, body)
            with disk_errors("make a run at", path):
                try:
                    aside.rename(path)
                except OSError as error:
                    # Another process has made a run of that name since we looked.
                    raise (_taken(path) if error.errno in {errno.ENOTEMPTY, errno.EEXIST} else error) from None
                sync_directory(path.parent)
            return _drive(path, record, lease, home)
        except BaseException:
            lease.release()
            raise
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def _make_folder(runs_dir: Path) -> None:
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        # Of a folder that is to be made, "no such file" tells nobody anything: so answer /proc and its like.
        why = "nothing can be made there" if error.errno == errno.ENOENT else error.strerror
        raise StoreError(f"cannot keep runs in {str(runs_dir)!r}: {why}; give another with --runs-dir") from None


def _taken(path: Path) -> UsageError:
    return UsageError(f"{str(path)!r} exists already; resume that run, or give this one another id")


def _fill(directory: Path, record: RunRecord, task: bytes) -> None:
    (directory / ARTIFACTS).mkdir(mode=DIRECTORY_MODE)
    ref = FileArtifactStore(directory / ARTIFACTS).write(task)
    database = directory / DATABASE_FILE
    create_database(database)
    with disk_errors("write", database), closing(connect(database)) as connection:
        begin(connection)
        save_run_row(connection, record)
        register_artifact(connection, ref, len(task), "application/json", "task")
        commit(connection)
    replace_record(directory, record)


def _open(path: Path, home: Home | None) -> RunDirectory:
    if not path.is_dir() or not is_run(path):
        raise UsageError(f"{str(path)!r} is no run directory: it has no {RECORD_FILE}")
    lease = take_over(path)
    try:
        record = read_record(path)
        check_database(path / DATABASE_FILE)
        FileArtifactStore(path / ARTIFACTS).sweep()
        return _drive(path, record, lease, home)
    except BaseException:
        lease.release()
        raise


def _drive(path: Path, record: RunRecord, lease: Lease, home: Home | None) -> RunDirectory:
    database = path / DATABASE_FILE
    with disk_errors("open", database):
        connection = connect(database)
        try:
            if connection.execute("SELECT run_id FROM runs").fetchall() != [(record.run_id,)]:
                raise damaged(database, f"it is not that of run {record.run_id!r}")
            return open_driver(path, record, lease, connection, home)
        except BaseException:
            connection.close()
            raise
