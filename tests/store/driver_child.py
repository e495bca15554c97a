"""A driver of its own process, which kills itself at a named point: run by the crash tests, not collected.

Usage: driver_child.py RUN_DIRECTORY POINT
Every real call to the world adds a line to `calls` beside the run directory.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from peercycle.core.base import JSON, canonical_json, sha256_hex
from peercycle.core.events import RunEvent
from peercycle.core.journal import EffectKey, EffectOutcome
from peercycle.core.modelling import Usage
from peercycle.store import artifacts as artifacts_module
from peercycle.store import commits, disk, effects, lease
from peercycle.store.directory import open_run

BODY = b"the body of an artefact " * 1000


artifacts: Any = artifacts_module
files: Any = disk


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def call_the_world(directory: Path) -> str:
    with (directory.parent / "calls").open("a") as calls:
        calls.write("called\n")
    return "answer " * 2000


def tear_artefacts() -> None:
    def half(path: Path, data: bytes) -> None:
        path.write_bytes(data[: len(data) // 2])
        die()

    files.write_new = half


def die_before_the_row() -> None:
    real = artifacts.publish

    def publish(aside: Path, path: Path, data: bytes) -> None:
        real(aside, path, data)
        die()

    artifacts.publish = publish


def without(protection: str) -> None:
    """Take one protection away, so that a test can see what it is for."""
    if protection == "journal":
        effects.journalled_outcome = lambda *_: None
    if protection == "commit":
        commits.commit = lambda connection: None
    if protection == "lease":
        lease.lock_file = lambda descriptor: None
    if protection == "fence":
        commits.check_fence = lambda *_: None
    if protection == "rename":
        artifacts.publish = lambda aside, path, data: files.write_new(path, data)
    if protection == "file sync":
        disk.sync_file = lambda descriptor: None


async def drive(directory: Path, point: str) -> None:
    run = await open_run(directory, in_loop=False)
    if point == "hold":
        print("held", flush=True)
        sys.stdin.readline()
    await run.add_event(RunEvent(run_id="river", kind="log", at=1.0, message=point))
    if point == "before intent":
        die()
    request: JSON = {"prompt": "write"}
    key = EffectKey("c0", "write", 1, "model", sha256_hex(canonical_json(request)), 0)
    found = await run.begin_effect(key, request, Usage(prompt_tokens=100, completion_tokens=400, model_calls=1))
    if point == "after intent":
        die()
    if not isinstance(found, EffectOutcome):
        answer = call_the_world(directory)
        if point == "after call":
            die()
        used = Usage(prompt_tokens=90, completion_tokens=200, model_calls=1)
        await run.settle_effect(found, EffectOutcome(result=answer, usage=used))
    if point == "after settle":
        die()
    if point == "inside artefact":
        tear_artefacts()
    if point == "before row":
        die_before_the_row()
    print(await run.artifacts.put(BODY, name="body"))
    await run.close()


if __name__ == "__main__":
    for name in sys.argv[3:]:
        without(name)
    asyncio.run(drive(Path(sys.argv[1]), sys.argv[2]))
