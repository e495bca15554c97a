"""Everything that a report is written from, read once; what cannot be read is named, never guessed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from peercycle.core.errors import PeercycleError
from peercycle.core.events import RunEvent
from peercycle.core.experiments import ExperimentResults
from peercycle.core.journal import CandidateRow, Question, Row, RunReader
from peercycle.core.reviews import Assessment
from peercycle.core.runs import RunRecord, SpendingLine
from peercycle.core.writing import CheckReport, Manuscript, PointOutcome, ResearchTask

WordT = TypeVar("WordT", bound=BaseModel)
_OUTCOMES = TypeAdapter(tuple[PointOutcome, ...])


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one candidate, with the bodies that its row points to."""

    row: CandidateRow
    manuscript: Manuscript | None = None
    assessment: Assessment | None = None
    results: ExperimentResults | None = None
    check: CheckReport | None = None
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
    reviews: tuple[Row, ...] = ()
    problems: list[str] = field(default_factory=list)
    """What could not be read."""

    @property
    def best(self) -> Version | None:
        """The version that was selected last; without one, the complete one that scored best."""
        complete = [v for v in self.versions if v.row.status == "complete"]
        chosen = [v for v in complete if v.row.selected] or complete
        return max(chosen, key=_standing, default=None)


def _standing(version: Version) -> tuple[bool, float, float, int]:
    row = version.row
    low = float("-inf")
    return (
        row.reward is not None,
        row.reward if row.reward is not None else low,
        row.rating if row.rating is not None else low,
        -row.round,
    )


async def gather(run: RunReader) -> Gathered:
    """Return a run as it stands on disk."""
    problems: list[str] = []
    record = await run.record()
    task = await _load(run, record.task, ResearchTask, problems)
    rows = sorted(await run.candidates(), key=lambda row: (row.round, row.candidate))
    return Gathered(
        path=str(run.path),
        record=record,
        task=task,
        versions=[await _version(run, row, problems) for row in rows],
        spending=await run.spending(),
        events=[event for _, event in await run.events()],
        questions=await run.questions(),
        executions=await _rows(run, "executions", problems),
        reviews=await _rows(run, "reviews", problems),
        problems=problems,
    )


async def _version(run: RunReader, row: CandidateRow, problems: list[str]) -> Version:
    return Version(
        row=row,
        manuscript=await _load(run, row.manuscript, Manuscript, problems),
        assessment=await _load(run, row.assessment, Assessment, problems),
        results=await _load(run, row.results, ExperimentResults, problems),
        check=await _load(run, row.check, CheckReport, problems),
        outcomes=await _outcomes(run, row, problems),
    )


async def _load(run: RunReader, ref: str | None, kind: type[WordT], problems: list[str]) -> WordT | None:
    if ref is None:
        return None
    try:
        return kind.model_validate_json(await run.artifacts.get(ref))
    except (PeercycleError, ValidationError) as error:
        problems.append(f"{kind.__name__} {ref[:19]}… cannot be read: {str(error).splitlines()[0]}")
        return None


async def _outcomes(run: RunReader, row: CandidateRow, problems: list[str]) -> tuple[PointOutcome, ...]:
    ref = row.state.get("outcomes")
    if not isinstance(ref, str):
        return ()
    try:
        return _OUTCOMES.validate_python(json.loads(await run.artifacts.get(ref)))
    except (PeercycleError, ValidationError, ValueError) as error:
        problems.append(
            f"outcomes of {row.candidate} in round {row.round} cannot be read: {str(error).splitlines()[0]}"
        )
        return ()


async def _rows(run: RunReader, table: str, problems: list[str]) -> tuple[Row, ...]:
    try:
        return tuple(await run.rows(table))
    except PeercycleError as error:
        problems.append(f"table {table!r} cannot be read: {error}")
        return ()


def latest_by_candidate(versions: Sequence[Version]) -> dict[str, Version]:
    """Return each candidate's version of the highest round."""
    return {version.row.candidate: version for version in versions}
