"""The store's protocols: what a run keeps, and how effects come to happen effectively once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from peercycle.core.base import JSON
from peercycle.core.events import RunEvent
from peercycle.core.experiments import Execution, Measurement
from peercycle.core.modelling import ModelRequest, ModelResult, Usage
from peercycle.core.reviews import Assessment, Reward
from peercycle.core.runs import RunRecord, SpendingLine


class ArtifactStore(Protocol):
    """Content-addressed bodies, written to a temporary file, fsynced and renamed."""

    async def put(self, data: bytes, *, media_type: str = "application/octet-stream", name: str = "") -> str:
        """Store a body and return its reference. `name` is for people; the same body may have several."""
        ...

    async def get(self, ref: str) -> bytes:
        """Return a body, its hash verified. Raises `DamagedRunError` (missing, or other bytes)."""
        ...

    def path(self, ref: str) -> Path:
        """Return where a body lies, for programs that must be given a file; it may not exist."""
        ...


@dataclass(frozen=True, slots=True)
class EffectKey:
    """The place and content of a request: the same after any crash, in any order, and in a replay."""

    candidate: str
    stage: str
    visit: int
    kind: str
    """`model`, `search`, `sandbox`, `now`, `ask`, or a plugin's word."""
    request_sha256: str
    occurrence: int
    """0 for the first identical request within the visit."""


@dataclass(frozen=True, slots=True)
class EffectOutcome:
    """What a finished effect answered."""

    result: JSON = None
    error_type: str | None = None
    """Class name of the journalled error that it raised instead."""
    error_message: str = ""
    usage: Usage = field(default_factory=Usage)
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class EffectTicket:
    """Leave to do an effect: its intent and reservation are on disk."""

    effect_id: int
    attempt: int
    key: EffectKey


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """One version of one candidate, as `run.sqlite` keeps it: natural key (candidate, round)."""

    candidate: str
    round: int
    status: Literal["complete", "failed"]
    manuscript: str | None = None
    results: str | None = None
    assessment: str | None = None
    check: str | None = None
    reward: float | None = None
    rating: float | None = None
    selected: bool = False
    """It is, or was, the best."""
    error: str | None = None
    state: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """Something that a person was asked."""

    id: str
    question: str
    schema: Mapping[str, JSON]
    answer: JSON = None
    answered: bool = False
    candidate: str = ""
    stage: str = ""


Row = Mapping[str, Any]


class RunReader(Protocol):
    """What may be read of a run, also while it is being driven."""

    @property
    def path(self) -> Path:
        """The run directory."""
        ...

    @property
    def artifacts(self) -> ArtifactStore: ...

    async def record(self) -> RunRecord: ...

    async def spending(self) -> tuple[SpendingLine, ...]: ...

    async def events(self, *, after: int = 0, kinds: Sequence[str] = ()) -> tuple[tuple[int, RunEvent], ...]:
        """Return events with their row ids, oldest first, from beyond row id `after`."""
        ...

    async def last_event(self) -> int:
        """Return the row id of the newest event; 0 where there is none."""
        ...

    async def candidates(self) -> tuple[CandidateRow, ...]: ...

    async def find_effect(self, key: EffectKey) -> EffectOutcome | None:
        """Return the journalled outcome, or None."""
        ...

    async def questions(self, *, open_only: bool = False) -> tuple[Question, ...]: ...

    async def rows(self, table: str) -> tuple[Row, ...]:
        """Return a table of `run.sqlite` whole, by its documented name, oldest row first."""
        ...


class RunStore(RunReader, Protocol):
    """What the one driver of a run may write. Every write checks the lease's fencing number.

    Raises `LeaseLostError` where another driver took over, `StoreError` where the disk refuses.
    """

    @property
    def fence(self) -> int:
        """This driver's fencing number."""
        ...

    async def write_record(self, record: RunRecord) -> None:
        """Replace `run.json`: temporary file, fsync, rename, fsync of the folder."""
        ...

    async def begin_effect(
        self, key: EffectKey, request: JSON, reserve: Usage, *, finishing: bool = False
    ) -> EffectOutcome | EffectTicket:
        """Return the journalled outcome, or record the intent and reserve the worst case, in one transaction.

        An intent left by a dead driver counts as spent, and the new one as a further attempt.
        `finishing` may use the share that is kept back. Raises `BudgetExceededError`.
        """
        ...

    async def settle_effect(self, ticket: EffectTicket, outcome: EffectOutcome) -> None:
        """Journal the outcome and turn the reservation into what was used, in one transaction."""
        ...

    async def release_effect(
        self, ticket: EffectTicket, error: str, used: Usage | None = None, raw: str | None = None
    ) -> None:
        """Give the reservation back after a failure that is no outcome (an outage, a bug).

        `raw`, what the service answered, is kept until the effect is begun again.
        """
        ...

    async def add_wall_clock(self, seconds: float) -> None:
        """Add to the time that drivers have worked on this run."""
        ...

    async def add_event(self, event: RunEvent) -> None: ...

    async def save_candidate(self, row: CandidateRow) -> None:
        """Insert or replace by (candidate, round)."""
        ...

    async def mark_selected(self, candidate: str, round_: int) -> None:
        """Note that a saved version is the best so far."""
        ...

    async def save_completions(
        self,
        key: EffectKey,
        role: str,
        request: ModelRequest,
        result: ModelResult,
        accepted: bool | None = None,
    ) -> None:
        """Keep what a model was asked and said, by the effect's key: inserted or replaced."""
        ...

    async def accept_completion(self, key: EffectKey, choice: int | None) -> None:
        """Mark one of an effect's completions as accepted and the others as not; None accepts none of them."""
        ...

    async def save_assessment(
        self,
        candidate: str,
        round_: int,
        role: Literal["reviewer", "judge"],
        assessment: Assessment,
        reward: Reward | None,
    ) -> None:
        """Keep one row per review, by (candidate, round, role, index)."""
        ...

    async def save_executions(
        self,
        candidate: str,
        stage: str,
        visit: int,
        executions: Sequence[Execution],
        measurements: Sequence[Measurement],
        durations: Mapping[str, tuple[float, float | None]],
    ) -> None:
        """Keep executions by id and measurements by (candidate, id); `durations`: seconds and peak MB by id."""
        ...

    async def save_question(self, question: Question) -> None: ...

    async def stop_requested(self) -> str | None:
        """Return what `stop` asked for (`drain`), or None."""
        ...

    async def clear_stop(self) -> None: ...

    async def close(self) -> None:
        """Flush, close and give the lease up. Safe to call twice."""
        ...
