"""Named points of a run, at which this process can die, stop, or merely say that it came by.

`install` puts itself around stages, effects, checkpoints, tables and files from outside: no line of peercycle knows
of it. What really happened goes to a file outside the run that no crash can take back.
"""

from __future__ import annotations

import asyncio
import functools
import os
import re
import shutil
import signal
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

MIDWAY_S = 0.12
"""How long a sandboxed program has run at its point `midway`."""

TABLES = (
    "save_candidate",
    "mark_selected",
    "save_assessment",
    "save_executions",
    "save_completions",
    "save_question",
)


@dataclass(slots=True)
class Points:
    """Where this process is, and where it is to end."""

    log: Path
    """What really happened, a line each: synced before the process goes on."""
    run: Path
    at: str | None = None
    """The point at which to raise the signal."""
    occurrence: int = 1
    signal: int = signal.SIGKILL
    record: Path | None = None
    """Where to list every point in order; for the pass without a kill."""
    copies: Path | None = None
    """Where to keep the checkpoints as they were before their latest commit."""
    delay_writes_s: float = 0.0
    delay_put_s: float = 0.0
    delay_in: str = ""
    """Only checkpoints whose names hold this are delayed."""
    seen: Counter[str] = field(default_factory=Counter)

    def reach(self, name: str) -> None:
        """Come by a point; where it is the one to end at, this does not return."""
        self.seen[name] += 1
        if self.record is not None:
            append(self.record, f"{name}\t{self.seen[name]}\n")
        if name == self.at and self.seen[name] == self.occurrence:
            os.kill(os.getpid(), self.signal)

    def happened(self, what: str) -> None:
        """Note that something really happened."""
        append(self.log, f"{what}\n", sync=True)


def append(path: Path, line: str, *, sync: bool = False) -> None:
    """Add a line to a file in one write; with `sync`, wait for the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
        if sync:
            REAL_FSYNC(descriptor)
    finally:
        os.close(descriptor)


REAL_FSYNC = os.fsync


def put_in_place(owner: object, **replacements: Any) -> None:
    """Put these in the place of what the owner has under their names, for the life of this process."""
    for name, replacement in replacements.items():
        assert hasattr(owner, name), f"{owner} has no {name}; the points no longer fit the code"
        setattr(owner, name, replacement)


def install(points: Points) -> None:
    """Put the points around everything that a crash may come between."""
    _around_stages(points)
    _around_effects(points)
    _around_checkpoints(points)
    _around_opening(points)
    _around_tables(points)
    _around_files(points)


def _around_stages(points: Points) -> None:
    from peercycle.graphs import cycle, nodes

    real = nodes.call_stage

    async def call_stage(stage: Any, state: Any, ctx: Any, declared: Any) -> Any:
        place = f"stage {ctx.candidate or '-'}/{ctx.stage}/{ctx.visit}"
        points.reach(f"{place} before")
        points.happened(f"begun {place}")

        class Within:
            name = stage.name

            async def __call__(self, state: Any, ctx: Any) -> Any:
                updates = await stage(state, ctx)
                points.reach(f"{place} within")
                return updates

        updates = await real(Within(), state, ctx, declared)
        points.reach(f"{place} after")
        return updates

    put_in_place(nodes, call_stage=call_stage)
    put_in_place(cycle, call_stage=call_stage)
    for name in ("select", "publish", "conclude_run"):
        _around_call(points, cycle, name)


def _around_call(points: Points, owner: Any, name: str) -> None:
    real = getattr(owner, name)

    @functools.wraps(real)
    async def asynchronous(*args: Any, **kwargs: Any) -> Any:
        points.reach(f"{name} before")
        result = await real(*args, **kwargs)
        points.reach(f"{name} after")
        return result

    @functools.wraps(real)
    def synchronous(*args: Any, **kwargs: Any) -> Any:
        points.reach(f"{name} before")
        result = real(*args, **kwargs)
        points.reach(f"{name} after")
        return result

    put_in_place(owner, **{name: asynchronous if asyncio.iscoroutinefunction(real) else synchronous})


def effect_name(key: Any) -> str:
    """Return an effect's key on one line."""
    return f"{key.candidate or '-'}/{key.stage}/{key.visit}/{key.kind}/{key.request_sha256[:10]}/{key.occurrence}"


def _around_effects(points: Points) -> None:
    from peercycle.graphs.effects import Effects

    attempt: Any = Effects._attempt

    async def _attempt(self: Any, ticket: Any, reserve: Any, fn: Callable[[], Awaitable[Any]], used: Any) -> Any:
        name = f"effect {effect_name(ticket.key)}"
        points.reach(f"{name} intended")

        async def really() -> Any:
            points.happened(f"ran {name}")
            points.reach(f"{name} running")
            if ticket.key.kind == "sandbox":
                work = asyncio.ensure_future(fn())
                await asyncio.wait({work}, timeout=MIDWAY_S)
                points.reach(f"{name} midway")
                answer = await work
            else:
                answer = await fn()
            points.reach(f"{name} done")
            return answer

        outcome = await attempt(self, ticket, reserve, really, used)
        points.happened(f"settled {name}")
        points.reach(f"{name} settled")
        return outcome

    put_in_place(Effects, _attempt=_attempt)


def _around_checkpoints(points: Points) -> None:
    from peercycle.graphs.checkpoints_in_loop import SaverInLoop

    aput, aput_writes, put, put_writes = (
        getattr(SaverInLoop, name) for name in ("aput", "aput_writes", "put", "put_writes")
    )

    def checkpoint_name(config: Any, metadata: Mapping[str, Any]) -> str:
        return f"checkpoint {_namespace(config)} step {metadata.get('step')}"

    async def aput_later(self: Any, config: Any, checkpoint: Any, metadata: Any, versions: Any) -> Any:
        name = checkpoint_name(config, metadata)
        points.reach(f"{name} before")
        if points.delay_put_s and points.delay_in in name:
            await asyncio.sleep(points.delay_put_s)
        result = await aput(self, config, checkpoint, metadata, versions)
        points.reach(f"{name} after")
        return result

    async def aput_writes_later(self: Any, config: Any, written: Any, task_id: str, task_path: str = "") -> None:
        name = f"writes {_namespace(config)}"
        points.reach(f"{name} before")
        if points.delay_writes_s:
            await asyncio.sleep(points.delay_writes_s)
        await aput_writes(self, config, written, task_id, task_path)
        points.reach(f"{name} after")

    def inside(name: str) -> None:
        """Stop before what is written is committed."""
        points.reach(f"{name} inside")
        if points.copies is not None:
            copy_checkpoints(points.run, points.copies)

    def put_and_stop(self: Any, config: Any, checkpoint: Any, metadata: Any, versions: Any) -> Any:
        result = put(self, config, checkpoint, metadata, versions)
        inside(checkpoint_name(config, metadata))
        return result

    def put_writes_and_stop(self: Any, config: Any, written: Any, task_id: str, task_path: str = "") -> None:
        put_writes(self, config, written, task_id, task_path)
        inside(f"writes {_namespace(config)}")

    put_in_place(
        SaverInLoop, aput=aput_later, aput_writes=aput_writes_later, put=put_and_stop, put_writes=put_writes_and_stop
    )


def _around_opening(points: Points) -> None:
    """Every statement with which a driver opens its checkpoints, or makes the file."""
    from peercycle.graphs import checkpoint_file, checkpoints

    def reach(statement: str) -> None:
        points.reach(f"opening of the checkpoints, before {' '.join(statement.split()[:6])}")

    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = sqlite3.connect(*args, **kwargs)
        connection.set_trace_callback(reach)
        return connection

    real = checkpoint_file.open_file

    def open_file(target: Path, fence: int) -> sqlite3.Connection:
        connection = real(target, fence)
        connection.set_trace_callback(None)
        return connection

    put_in_place(checkpoint_file, sqlite3=SimpleNamespace(**{**vars(sqlite3), "connect": connect}))
    put_in_place(checkpoints, open_file=open_file)


def copy_checkpoints(source: Path, target: Path) -> None:
    """Copy the checkpoints of a run, and no log of later ones."""
    target.mkdir(exist_ok=True)
    for name in ("checkpoints.sqlite", "checkpoints.sqlite-wal", "checkpoints.sqlite-shm"):
        (target / name).unlink(missing_ok=True)
        if (source / name).exists() and not name.endswith("-shm"):
            shutil.copy(source / name, target / name)


def _namespace(config: Any) -> str:
    namespace = str(config["configurable"].get("checkpoint_ns") or "")
    return re.sub(r":[0-9a-f-]{36}", "", namespace) or "cycle"


def _around_tables(points: Points) -> None:
    from peercycle.store.driven import RunDirectory

    for name in TABLES:
        _around_call(points, RunDirectory, name)
    register: Any = RunDirectory._register_artifact

    async def _register_artifact(self: Any, ref: str, size: int, media_type: str, name: str) -> None:
        points.reach(f"row of artefact {ref[7:17]} {name} before")
        await register(self, ref, size, media_type, name)
        points.reach(f"row of artefact {ref[7:17]} {name} after")

    put_in_place(RunDirectory, _register_artifact=_register_artifact)


def _around_files(points: Points) -> None:
    """Every file of a run is written aside, synced and renamed: so the renames are where it can be caught."""
    replace, rename = Path.replace, Path.rename
    root = str(points.run.resolve())

    def place(path: Any) -> str | None:
        text = str(Path(path).resolve())
        return text[len(root) + 1 :] if text.startswith(f"{root}{os.sep}") else None

    def replacing(self: Path, target: Any) -> Path:
        name = place(target)
        if name is None:
            return replace(self, target)
        points.reach(f"rename {name} before")
        result = replace(self, target)
        points.reach(f"rename {name} after")
        return result

    def appearing(self: Path, target: Any) -> Path:
        if str(Path(target).resolve()) != root:
            return rename(self, target)
        points.reach("appearance of the run before")
        result = rename(self, target)
        points.reach("appearance of the run after")
        return result

    def syncing(descriptor: int) -> None:
        name = place(Path(f"/proc/self/fd/{descriptor}").readlink())
        if name is not None and not name.endswith(("run.sqlite", "lease")):
            # Half of the body is all that a crash here may leave.
            points.reach(f"sync {re.sub(r'[0-9]+-[0-9]+$', 'aside', name)} before")
        REAL_FSYNC(descriptor)

    put_in_place(Path, replace=replacing, rename=appearing)
    put_in_place(os, fsync=syncing)
