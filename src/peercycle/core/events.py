"""What happens in a run, as plugins and the log hear of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from peercycle.core.base import JSON
from peercycle.core.runs import EndReason, RunStatus


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One line of a run's log."""

    run_id: str
    kind: str
    """`stage_started`, `stage_finished`, `stage_failed`, `log`, `outage`, `budget`, `ended`, …"""
    at: float
    """UTC time, seconds since the epoch."""
    message: str = ""
    candidate: str = ""
    stage: str = ""
    visit: int = 0
    data: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BeforeStage:
    """A stage is about to begin."""

    run_id: str
    candidate: str
    stage: str
    visit: int


@dataclass(frozen=True, slots=True)
class AfterStage:
    """A stage ended; `error` says why, where it failed."""

    run_id: str
    candidate: str
    stage: str
    visit: int
    seconds: float
    updates: Mapping[str, JSON]
    error: str | None = None


@dataclass(frozen=True, slots=True)
class RunEnd:
    """A run ended; its terminal record is written."""

    run_id: str
    path: str
    status: RunStatus
    reason: EndReason | None
    rating: float | None
    rounds: int
