"""What a process of the loop is told, and the leave it takes of the world when the loop dies."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from peercycle.core.base import JSON, Word
from peercycle.core.errors import BadInputError
from peercycle.core.runs import RunOptions

JOB_FILE = "job.json"
FULL_DISK = 28
"""What a worker exits with where the disk is full: its log may have had no room for a word of it."""
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
"""Opened here: a process that has just been forked is to open nothing."""


class RolloutJob(Word):
    """Run every task through the research graph."""

    kind: Literal["rollouts"] = "rollouts"
    folder: str
    """The step's folder: `tasks.jsonl` is there, `runs/` and `rollouts.jsonl` will be."""
    options: RunOptions
    """Of every run; its id and seed are the loop's to set."""
    prefix: str
    """Of the runs' ids."""
    parallel: int = Field(ge=1)
    tokens: int | None = None
    """Sampled tokens that runs are to come to, as near as whole runs do; every task has one in any case."""
    load: str | None = None
    """Folder of the policy, for a sampler that stays: its engine is started with other weights, and loads these."""
    weights: str | None = None
    """SHA-256 that the engine's answers must name, where it names any."""
    plugins: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()


class TrainJob(Word):
    """Train a policy."""

    kind: Literal["train"] = "train"
    folder: str
    """The step's folder; the trainer writes below `out/`."""
    trainer: str
    settings: dict[str, JSON] = {}
    base: str
    pairs: str | None = None
    """JSON lines of `PreferencePair`."""
    plugins: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()


Job = RolloutJob | TrainJob


class _AnyJob(Word):
    job: RolloutJob | TrainJob = Field(discriminator="kind")


def read_job(path: Path) -> Job:
    """Read what a worker is told. Raises `BadInputError`."""
    try:
        return _AnyJob.model_validate_json(b'{"job":' + path.read_bytes() + b"}").job
    except (OSError, ValidationError) as error:
        raise BadInputError(f"{str(path)!r} is no job of a loop: {error}") from None


def die_with_parent(parent: int) -> None:
    """End this process when the loop that started it is gone, however it ended: nobody would use its work.

    The kernel does it at once on Linux; elsewhere a thread looks every half second.
    """
    try:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except AttributeError:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        # It died before we asked.
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
