"""From an iteration's data to what a trainer plugin is handed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from peercycle.core.base import JSON


@dataclass(frozen=True, slots=True)
class Training:
    """A trainer, its settings, and the pairs that it is handed."""

    trainer: str
    settings: dict[str, JSON]
    pairs: str | None


def training_of(trainer: str, settings: Mapping[str, JSON], on: str, data: Path, *, seed: int) -> Training:
    """Return what trains on an iteration's data.

    Pairs are handed to the trainer, whatever it makes of them; of demonstrations it is told where they lie.
    """
    given = {"seed": seed, **settings}
    if on == "demonstrations":
        return Training(trainer, {**given, "conversations": str(data)}, None)
    return Training(trainer, given, str(data))
