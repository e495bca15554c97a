"""Finding runs, and what may be done to one from outside: its status, a stop, an answer, its removal."""

from __future__ import annotations

import asyncio
import difflib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from peercycle.core.base import JSON, sha256_hex
from peercycle.core.errors import StoreError, UsageError
from peercycle.core.runs import RunRecord, RunStatus
from peercycle.store.commits import begin, commit
from peercycle.store.database import DATABASE_FILE, check_version, connect
from peercycle.store.disk import disk_errors, replace_file, sync_directory
from peercycle.store.lease import Lease, holder, take_lease
from peercycle.store.questions import give_answer
from peercycle.store.record import RECORD_FILE, read_record

STOP_FILE = "stop"
STOPS = ("drain",)
CLOCK_GRAIN_S = 0.05
"""By how much a file's time may lag behind the clock."""


def new_run_id(now: float, entropy: bytes | None = None) -> str:
    """Return an id such as `20261121-084512-417-3fa91c`: UTC time to the millisecond, then what makes it unique.

    Ids sort by time. `entropy` decides the last part; None draws it from the system.
    """
    at = datetime.fromtimestamp(now, UTC)
    unique = sha256_hex(os.urandom(16) if entropy is None else entropy)[:6]
    return f"{at:%Y%m%d-%H%M%S}-{at.microsecond // 1000:03d}-{unique}"


def is_run(path: Path) -> bool:
    """Whether a directory holds a run. Raises `StoreError` where one may not look into it."""
    with disk_errors("look into", path):
        # One that lost its record is a run too: whoever reads it is told so, and it is not passed over in silence.
        return (path / RECORD_FILE).is_file() or (path / DATABASE_FILE).is_file()


def list_runs(runs_dir: Path) -> list[Path]:
    """Return the run directories in a folder, by name, and so oldest first; an absent folder has none.

    One that may not be looked into is among them: it hides no other, and whoever reads it is told why he cannot.
    """
    with disk_errors("list", runs_dir):
        try:
            return sorted(path for path in runs_dir.iterdir() if not path.name.startswith(".") and _may_be_run(path))
        except FileNotFoundError:
            return []


def _may_be_run(path: Path) -> bool:
    try:
        return is_run(path)
    except StoreError:
        return True


def find_run(name_or_path: str, runs_dir: Path) -> Path:
    """Return the run that a path, an id or the unique beginning of an id names.

    Raises `UsageError` listing the runs that the beginning fits, or the nearest names.
    """
    if not name_or_path:
        raise UsageError("the name of a run is empty; give its id or its path")
    path = Path(name_or_path)
    if is_run(path):
        return path
    if os.sep in name_or_path or name_or_path in (".", ".."):
        raise UsageError(f"{name_or_path!r} is no run directory: it has no {RECORD_FILE}")
    runs = {run.name: run for run in list_runs(runs_dir)}
    if name_or_path in runs:
        return runs[name_or_path]
    fitting = [name for name in runs if name.startswith(name_or_path)]
    if len(fitting) == 1:
        return runs[fitting[0]]
    if fitting:
        raise UsageError(f"{name_or_path!r} may be any of {_some(fitting)}; give more of the id")
    near = difflib.get_close_matches(name_or_path, runs, n=3, cutoff=0.3) or list(runs)[-3:]
    hint = f"nearest: {_some(near)}" if near else "there is none"
    raise UsageError(f"no run {name_or_path!r} in {str(runs_dir)!r}; {hint}")


def run_status(path: Path, read: Callable[[Path], RunRecord] = read_record) -> RunStatus:
    """Return a run's status: from its terminal record, as `read` finds it, else from whether somebody drives it."""
    terminal = read(path).terminal
    if terminal is not None:
        return terminal.status
    if holder(path) is not None:
        return "running"
    # The driver may have ended between the two looks; its record was written before it let go.
    terminal = read(path).terminal
    return "crashed" if terminal is None else terminal.status


def request_stop(path: Path, how: str = "drain") -> None:
    """Ask the driver of a run to stop; it polls for this. Raises `UsageError` for what it would not understand."""
    if how not in STOPS:
        raise UsageError(f"a run cannot be asked to {how!r}; it can be asked to {_some(STOPS)}")
    replace_file(path / STOP_FILE, f"{how}\n".encode())


def read_stop(path: Path) -> str | None:
    """Return what `request_stop` asked for, or None."""
    with disk_errors("read", path / STOP_FILE):
        try:
            # Nearly always there is none, and it is looked for often: an open that fails costs much more.
            os.lstat(path / STOP_FILE)
            return (path / STOP_FILE).read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None


def take_over(path: Path) -> Lease:
    """Take the lease of a run or a queue, and forget a stop that was asked of an earlier driver.

    One that was asked of this driver stands, however early it came: whoever asks has seen the lease held.
    """
    before = time.time()
    lease = take_lease(path)
    try:
        with disk_errors("read", path / STOP_FILE):
            try:
                asked_at = (path / STOP_FILE).stat().st_mtime
            except FileNotFoundError:
                return lease
        if asked_at < before - CLOCK_GRAIN_S:
            clear_stop(path)
    except BaseException:
        lease.release()
        raise
    return lease


def clear_stop(path: Path) -> None:
    """Forget what `request_stop` asked for."""
    with disk_errors("remove", path / STOP_FILE):
        (path / STOP_FILE).unlink(missing_ok=True)


async def answer_question(path: Path, question_id: str, value: JSON) -> None:
    """Answer an open question of a run, driven or not; the driver checks the value against the question's schema.

    Raises `UsageError` for a question that is unknown or answered.
    """
    await asyncio.to_thread(_answer, path, question_id, value)


def _answer(path: Path, question_id: str, value: JSON) -> None:
    database = path / DATABASE_FILE
    with disk_errors("write", database), closing(connect(database)) as connection:
        check_version(connection, database)
        begin(connection)
        give_answer(connection, question_id, value)
        commit(connection)


async def remove_run(path: Path) -> None:
    """Remove a run directory whole. Raises `RunInUseError` for one that is driven, `UsageError` for no run."""
    await asyncio.to_thread(_remove, path)


def _remove(path: Path) -> None:
    if not is_run(path):
        raise UsageError(f"{str(path)!r} is no run directory: it has no {RECORD_FILE}; nothing was removed")
    remove_folder(path)


def remove_folder(path: Path) -> None:
    """Remove what a driver may hold, a run or a queue. Raises `RunInUseError` where one does."""
    lease = take_lease(path)
    try:
        # Out of sight at once, so that a removal cut short leaves no half of a run under its name.
        aside = path.absolute().with_name(f".removed-{path.absolute().name}-{os.getpid()}")
        with disk_errors("remove", path):
            path.rename(aside)
            sync_directory(aside.parent)
            shutil.rmtree(aside)
    finally:
        lease.release()


def sweep_unfinished(runs_dir: Path) -> None:
    """Remove what killed processes left of runs half made or half removed."""
    for path in runs_dir.glob(".*"):
        if not re.fullmatch(r"\.(new|removed)-.+-\d+", path.name) or path.is_symlink():
            continue
        try:
            alive = holder(path) is not None or _process_lives(int(path.name.rpartition("-")[2]))
        except StoreError:
            continue
        if not alive:
            shutil.rmtree(path, ignore_errors=True)


def _process_lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # It is somebody else's.
        pass
    return True


def _some(names: Iterable[str]) -> str:
    known = list(names)
    shown = ", ".join(repr(name) for name in known[:5])
    return shown if len(known) <= 5 else f"{shown} and {len(known) - 5} more"
