"""What a run came to, for a Python program."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from peercycle.core.errors import DamagedRunError
from peercycle.core.journal import CandidateRow, RunReader
from peercycle.core.reviews import Assessment
from peercycle.core.runs import EndReason, RunStatus
from peercycle.core.selection import CurvePoint, Draft, best_of_n
from peercycle.core.writing import Manuscript
from peercycle.store.judgements import judgements


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run's ending and what it left."""

    run_id: str
    path: Path
    status: RunStatus
    reason: EndReason | None
    message: str
    paper: Manuscript | None
    """The best version."""
    assessment: Assessment | None
    """The steering reviewer's, of the best version."""
    rating: float | None
    """The judge's mean rating where a judge of its own gave one, else the steering reviewer's."""
    candidates: tuple[CandidateRow, ...]
    """Every version of every candidate."""
    rounds: int
    curve: tuple[CurvePoint, ...] = ()
    """What the best of n drafts is worth, where the run was asked for it."""
    judgement: Assessment | None = None
    """The judge's, of the best version, where there is a judge of its own."""
    settled: bool = False
    """What ended it stands in its journal: a resume would come to the same end."""

    @property
    def rated_by(self) -> Assessment | None:
        """The assessment that `rating` is of: its scale says what the number means."""
        judged = self.judgement is not None and self.judgement.rating is not None
        return self.judgement if judged else self.assessment


async def result_of(run: RunReader) -> RunResult:
    """Return what a run came to. Raises `DamagedRunError` where it has no terminal record."""
    record = await run.record()
    if record.terminal is None:
        raise DamagedRunError(f"run {record.run_id!r} has no terminal record; resume it first")
    rows = tuple(sorted(await run.candidates(), key=place))
    best = best_row(rows)
    paper = assessment = None
    if best is not None and best.manuscript:
        paper = Manuscript.model_validate_json(await run.artifacts.get(best.manuscript))
    if best is not None and best.assessment:
        assessment = Assessment.model_validate_json(await run.artifacts.get(best.assessment))
    # By version: a run that was stopped and resumed, or extended, had other versions judged before this one.
    judged = await judgements(run)
    judgement = judged.get((best.candidate, best.round)) if best is not None else None
    said = judgement.rating if judgement is not None else None
    return RunResult(
        run_id=record.run_id,
        path=run.path,
        status=record.terminal.status,
        reason=record.terminal.reason,
        message=record.terminal.message,
        paper=paper,
        assessment=assessment,
        rating=said if said is not None else (best.rating if best else None),
        candidates=rows,
        rounds=max((row.round for row in rows), default=0),
        curve=best_of_n(_drafts(rows, judged)) if record.options.curve else (),
        judgement=judgement,
        settled=record.terminal.settled,
    )


def _drafts(rows: Iterable[CandidateRow], judged: Mapping[tuple[str, int], Assessment]) -> list[Draft]:
    """Return the drafts that were scored, as they stood before any revision."""
    return [
        Draft(selector=row.reward, judge=said.rating if (said := judged.get((row.candidate, 0))) else None)
        for row in rows
        if row.round == 0 and row.status == "complete" and row.reward is not None
    ]


def place(row: CandidateRow) -> tuple[int, int]:
    """Return where a version stands in a list of them: by candidate, then by round."""
    return candidate_number(row.candidate), row.round


def candidate_number(candidate: str) -> int:
    """Return n of the candidate `cn`, to sort by."""
    return int(candidate.removeprefix("c"))


def best_row(rows: Iterable[CandidateRow]) -> CandidateRow | None:
    """Return the best version: the highest reward among the complete; of equals the first candidate's first."""
    complete = sorted((row for row in rows if row.status == "complete"), key=place)
    return max(complete, key=lambda row: float("-inf") if row.reward is None else row.reward, default=None)
