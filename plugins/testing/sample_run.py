"""A small run to read, for exporters of reports: the same at every play, and nothing on disk but its artefacts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from peercycle.core.base import canonical_json
from peercycle.core.events import RunEvent
from peercycle.core.journal import CandidateRow, EffectKey, EffectOutcome, Question, Row
from peercycle.core.runs import RunOptions, RunRecord, SpendingLine, Terminal
from peercycle.plugins.testing import samples
from peercycle.plugins.testing.journal import BenchArtifacts

BEGAN = 1_700_000_000.0
"""When it began: UTC seconds since the epoch."""


class SampleRun:
    """`RunReader` of a run that drafted and reviewed the sample paper, or that died before its first stage."""

    def __init__(self, artifacts: BenchArtifacts, *, died: bool = False) -> None:
        self._artifacts = artifacts
        self._died = died

    @property
    def path(self) -> Path:
        """A folder that is not there: nothing of a run is to be read past this reader."""
        return Path("runs/bench")

    @property
    def artifacts(self) -> BenchArtifacts:
        """The bench's artefacts."""
        return self._artifacts

    async def record(self) -> RunRecord:
        """Return `run.json`; a run that died has no terminal."""
        ended = Terminal(status="finished", reason="round_limit", message="0 rounds of revision", at=BEGAN + 60)
        return RunRecord(
            run_id="bench",
            created_at=BEGAN,
            peercycle_version="0",
            options=RunOptions(run_id="bench"),
            task=self._kept(samples.task()),
            fingerprint={},
            terminal=None if self._died else ended,
        )

    async def candidates(self) -> tuple[CandidateRow, ...]:
        """Return the one version of the one candidate."""
        if self._died:
            return ()
        paper = samples.paper()
        rating = paper.assessment.rating
        return (
            CandidateRow(
                "c0",
                0,
                "complete",
                manuscript=self._kept(paper.manuscript),
                results=self._kept(paper.results),
                assessment=self._kept(paper.assessment),
                reward=rating,
                rating=rating,
                selected=True,
                state={"plan": self._kept(paper.plan), "outline": self._kept(paper.outline)},
            ),
        )

    async def spending(self) -> tuple[SpendingLine, ...]:
        """Return a minute."""
        return (SpendingLine(name="hours", limit=1.0, spent=0.0 if self._died else 1 / 60),)

    async def events(self, *, after: int = 0, kinds: Sequence[str] = ()) -> tuple[tuple[int, RunEvent], ...]:
        """Return the one line of the log."""
        begun = RunEvent("bench", "stage_started", BEGAN, "", "c0", "outline", 1)
        return () if self._died or after or (kinds and begun.kind not in kinds) else ((1, begun),)

    async def last_event(self) -> int:
        """Return the number of the newest event."""
        return 0 if self._died else 1

    async def find_effect(self, key: EffectKey) -> EffectOutcome | None:
        """Return None: it made no effects."""
        return None

    async def questions(self, *, open_only: bool = False) -> tuple[Question, ...]:
        """Return nothing: nobody was asked."""
        return ()

    async def rows(self, table: str) -> tuple[Row, ...]:
        """Return an empty table."""
        return ()

    def _kept(self, word: BaseModel) -> str:
        return self._artifacts.keep(canonical_json(word))
