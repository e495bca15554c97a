"""What every step of a loop is given: the settings, the folders, and how a process is started."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from peercycle.core.base import Word, canonical_json, sha256_hex
from peercycle.core.errors import RunInUseError
from peercycle.store.lease import take_lease
from peercycle.trainers.loop.jobs import RolloutJob
from peercycle.trainers.loop.manifest import Told
from peercycle.trainers.loop.processes import Command
from peercycle.trainers.loop.record import Place
from peercycle.trainers.loop.settings import PATHS, LoopSettings
from peercycle.trainers.loop.starting import inputs_of
from peercycle.trainers.loop.tasks import Tasks, read_tasks

SEEDS = 1_000_003
"""Between the seeds of two loops, so that their runs share none."""
PER_ITERATION = 20_000
"""Between the seeds of two iterations: more than the tasks of one."""
_BEGINNING = {"seed", "start", "warmup", "run", "engine", "evaluate", "tasks", "plugins"}
"""Settings that decide iteration 0."""


class PolicyRef(Word):
    """A policy of the loop."""

    name: str
    model: str
    """What an engine loads: a folder, or a name on the hub."""
    weights: str | None
    """The hash that engines name them by; None where they are not on this disk."""
    kept: bool
    """It is in the registry."""
    iteration: int = 0
    """Which one made it; 0 for the policy that the loop begins with."""


@dataclass
class Frame:
    """One loop, or one arm of it."""

    settings: LoopSettings
    place: Place
    command: Command
    """How a worker is called."""
    disabled: tuple[str, ...] = ()
    told: Told = field(default_factory=Told)
    roll: Callable[[RolloutJob], None] | None = None
    """Runs a sampler's job where a sampler stays; None where each job has a process of its own."""

    @cached_property
    def tasks(self) -> Tasks:
        """The tasks, read once."""
        return read_tasks(Path(self.settings.tasks.file), self.settings.tasks.heldout)

    @property
    def best_name(self) -> str:
        """The name that always means the promoted policy."""
        arm = self.settings.arm
        return f"{self.settings.name}-{arm}" if arm else self.settings.name

    def seed(self, iteration: int) -> int:
        """Return the seed of an iteration's first run; iteration 0 is the evaluation of every policy."""
        return self.settings.seed * SEEDS + iteration * PER_ITERATION

    @contextmanager
    def beginning(self) -> Iterator[Path]:
        """Hold the folder of iteration 0, which other arms may want at the same time; they wait for each other."""
        folder = start_folder(self.settings, self.place)
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                lease = take_lease(folder)
                break
            except RunInUseError:
                time.sleep(0.5)
        try:
            yield folder
        finally:
            lease.release()


def start_folder(settings: LoopSettings, place: Place) -> Path:
    """Return where iteration 0 lies: shared by every arm that begins alike, wherever the loop's folder is moved to."""
    chosen: dict[str, Any] = settings.model_dump(mode="json", include=_BEGINNING)
    for path in PATHS:
        table, _, key = path.rpartition(".")
        if (holder := chosen.get(table) if table else chosen) is not None:
            del holder[key]
    chosen["inputs"] = inputs_of(settings, place.policies, {})
    return place.root / f"start-{sha256_hex(canonical_json(chosen))[:8]}"
