"""Everything that a report is written from, read once; what cannot be read is named, never guessed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from peercycle.core.errors import PeercycleError
from peercycle.core.events import RunEvent
from peercycle.core.experiments import ExperimentPlan, ExperimentResults
from peercycle.core.journal import CandidateRow, Question, Row, RunReader
from peercycle.core.literature import Bibliography
from peercycle.core.reviews import Assessment
from peercycle.core.runs import RunRecord, SpendingLine
from peercycle.core.writing import CheckReport, Manuscript, Outline, PointOutcome, ResearchTask
from peercycle.store.judgements import Place, judgements

WordT = TypeVar("WordT", bound=BaseModel)
_OUTCOMES = TypeAdapter(tuple[PointOutcome, ...])


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one candidate, with the bodies that its row points to."""

    row: CandidateRow
    manuscript: Manuscript | None = None
    assessment: Assessment | None = None
    plan: ExperimentPlan | None = None
    results: ExperimentResults | None = None
    check: CheckReport | None = None
    outline: Outline | None = None
    bibliography: Bibliography | None = None
    outcomes: tuple[PointOutcome, ...] = ()


@dataclass(slots=True)
class Gathered:
    """A run as the store knows it."""

    path: str
    record: RunRecord
    task: ResearchTask | None
    versions: list[Version]
    spending: tuple[SpendingLine, ...]
    events: list[RunEvent]
    questions: tuple[Question, ...]
    executions: tuple[Row, ...] = ()
    judgements: dict[Place, Assessment] = field(default_factory=dict)
    """What a judge of its own said, by version."""
    attempts: tuple[Row, ...] = ()
    """One row per attempt at an effect."""
    effect_errors: tuple[Row, ...] = ()
    stages: tuple[Row, ...] = ()
    """What each stage spent."""
    problems: list[str] = field(default_factory=list)
    """What could not be read."""

    @property
    def best(self) -> Version | None:
        """The version that was selected last; without one, the complete one that scored best."""
        complete = [v for v in self.versions if v.row.status == "complete"]
        chosen = [v for v in complete if v.row.selected] or complete
        return max(chosen, key=_standing, default=None)

    @property
    def outcomes(self) -> list[PointOutcome]:
        """How every point of every round ended, each once, in the order of rounds."""
        found: dict[tuple[int, str, str], PointOutcome] = {}
        for version in self.versions:
            for outcome in version.outcomes:
                found[(outcome.round, outcome.point, outcome.text)] = outcome
        return [found[key] for key in sorted(found, key=lambda key: key[0])]

    def judgement(self, version: Version) -> Assessment | None:
        """Return what a judge of its own said of a version."""
        return self.judgements.get((version.row.candidate, version.row.round))

    def judged(self, version: Version) -> float | None:
        """Return the judge's rating of a version, where a judge of its own rated it."""
        said = self.judgement(version)
        return None if said is None else said.rating


def _standing(version: Version) -> tuple[bool, float, float, int]:
    row = version.row
    low = float("-inf")
    return (
        row.reward is not None,
        row.reward if row.reward is not None else low,
        row.rating if row.rating is not None else low,
        -row.round,
    )


class _Bodies:
    """Reads words from the store, each once; what cannot be read is noted."""

    def __init__(self, run: RunReader) -> None:
        self._run = run
        self._read: dict[tuple[str, type[BaseModel]], BaseModel | None] = {}
        self.problems: list[str] = []

    async def load(self, ref: str | None, kind: type[WordT]) -> WordT | None:
        if ref is None:
            return None
        if (ref, kind) not in self._read:
            try:
                self._read[ref, kind] = kind.model_validate_json(await self._run.artifacts.get(ref))
            except (PeercycleError, ValidationError) as error:
                self._read[ref, kind] = None
                self.problems.append(f"{kind.__name__} {ref[:19]}… cannot be read: {str(error).splitlines()[0]}")
        found = self._read[ref, kind]
        return found if isinstance(found, kind) else None

    async def outcomes(self, row: CandidateRow) -> tuple[PointOutcome, ...]:
        ref = row.state.get("outcomes")
        if not isinstance(ref, str):
            return ()
        try:
            return _OUTCOMES.validate_json(await self._run.artifacts.get(ref))
        except (PeercycleError, ValidationError) as error:
            why = str(error).splitlines()[0]
            self.problems.append(f"outcomes of {row.candidate} in round {row.round} cannot be read: {why}")
            return ()

    async def rows(self, table: str) -> tuple[Row, ...]:
        try:
            return tuple(await self._run.rows(table))
        except PeercycleError as error:
            self.problems.append(f"table {table!r} cannot be read: {error}")
            return ()

    async def judgements(self) -> dict[Place, Assessment]:
        try:
            return await judgements(self._run)
        except PeercycleError as error:
            self.problems.append(f"what the judge said cannot be read: {error}")
            return {}


async def gather(run: RunReader) -> Gathered:
    """Return a run as it stands on disk."""
    bodies = _Bodies(run)
    record = await run.record()
    rows = sorted(await run.candidates(), key=lambda row: (row.round, row.candidate))
    return Gathered(
        path=str(run.path),
        record=record,
        task=await bodies.load(record.task, ResearchTask),
        versions=[await _version(row, bodies) for row in rows],
        spending=await run.spending(),
        events=[event for _, event in await run.events()],
        questions=await run.questions(),
        executions=await bodies.rows("executions"),
        judgements=await bodies.judgements(),
        attempts=await bodies.rows("spending"),
        effect_errors=await bodies.rows("errors"),
        stages=await bodies.rows("spending_by_stage"),
        problems=bodies.problems,
    )


def _ref(row: CandidateRow, channel: str) -> str | None:
    ref = row.state.get(channel)
    return ref if isinstance(ref, str) else None


async def _version(row: CandidateRow, bodies: _Bodies) -> Version:
    return Version(
        row=row,
        manuscript=await bodies.load(row.manuscript, Manuscript),
        plan=await bodies.load(_ref(row, "plan"), ExperimentPlan),
        outline=await bodies.load(_ref(row, "outline"), Outline),
        bibliography=await bodies.load(_ref(row, "bibliography"), Bibliography),
        assessment=await bodies.load(row.assessment, Assessment),
        results=await bodies.load(row.results, ExperimentResults),
        check=await bodies.load(row.check, CheckReport),
        outcomes=await bodies.outcomes(row),
    )
