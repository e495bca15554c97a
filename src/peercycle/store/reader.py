"""Reading a run, also while another process drives it; nothing of it changes."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from peercycle.core.errors import UsageError
from peercycle.core.events import RunEvent
from peercycle.core.journal import CandidateRow, EffectKey, EffectOutcome, Question, Row
from peercycle.core.runs import RunRecord, SpendingLine
from peercycle.store.artifacts import ARTIFACTS, FileArtifactStore
from peercycle.store.bodies import fetch, whole
from peercycle.store.budget import spending_lines
from peercycle.store.candidates import read_candidates, state_of
from peercycle.store.database import DATABASE_FILE, check_version, connect_read_only, damaged
from peercycle.store.disk import disk_errors
from peercycle.store.effects import JournalledOutcome, journalled_outcome
from peercycle.store.events import last_event, read_events
from peercycle.store.questions import read_questions
from peercycle.store.record import read_record
from peercycle.store.schema import TABLES, VIEWS

T = TypeVar("T")


class StoredRun:
    """A run directory, open for reading; see `RunReader`. It holds nothing open between calls."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._artifacts = FileArtifactStore(path / ARTIFACTS)

    @property
    def path(self) -> Path:
        """The run directory."""
        return self._path

    @property
    def artifacts(self) -> FileArtifactStore:
        """Its artefacts; storing another one raises `StoreError`."""
        return self._artifacts

    async def record(self) -> RunRecord:
        """Return what `run.json` holds."""
        return await asyncio.to_thread(read_record, self._path)

    async def spending(self) -> tuple[SpendingLine, ...]:
        """Return every limit with what was used of it."""
        budget = (await self.record()).options.budget
        return await self._query(lambda connection: spending_lines(connection, budget))

    async def events(self, *, after: int = 0, kinds: Sequence[str] = ()) -> tuple[tuple[int, RunEvent], ...]:
        """Return events with their row ids, oldest first, from beyond row id `after`."""
        return await self._query(lambda connection: read_events(connection, after, tuple(kinds)))

    async def last_event(self) -> int:
        """Return the row id of the newest event; 0 where there is none."""
        return await self._query(last_event)

    async def candidates(self) -> tuple[CandidateRow, ...]:
        """Return every version of every candidate, oldest first."""
        found = await self._query(read_candidates)
        return tuple(
            [
                dataclasses.replace(row, state=state_of(await fetch(self._artifacts, state.text, state.ref)))
                for row, state in found
            ]
        )

    async def questions(self, *, open_only: bool = False) -> tuple[Question, ...]:
        """Return what a person was asked, oldest first."""
        return await self._query(lambda connection: read_questions(connection, open_only=open_only))

    async def rows(self, table: str) -> tuple[Row, ...]:
        """Return a table or view of `peercycle.store.schema`, oldest row first, long columns filled in."""
        if table not in (*TABLES, *VIEWS):
            raise UsageError(f"run.sqlite has no table {table!r}; it has {', '.join((*TABLES, *VIEWS))}")
        found = await self._query(lambda connection: _read_table(connection, table))
        return tuple([await whole(self._artifacts, row) for row in found])

    async def find_effect(self, key: EffectKey) -> EffectOutcome | None:
        """Return the journalled outcome, or None."""
        found = await self._query(lambda connection: journalled_outcome(connection, key))
        return None if found is None else await self._outcome(found)

    async def _outcome(self, found: JournalledOutcome) -> EffectOutcome:
        text = await fetch(self._artifacts, found.result.text, found.result.ref)
        try:
            return found.outcome(text)
        except ValueError as error:
            raise damaged(self._path / DATABASE_FILE, f"a journalled result is not JSON ({error})") from error

    async def _query(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.to_thread(self._query_apart, work)

    def _query_apart(self, work: Callable[[sqlite3.Connection], T]) -> T:
        path = self._path / DATABASE_FILE
        with disk_errors("read", path):
            try:
                with closing(connect_read_only(path)) as connection:
                    check_version(connection, path)
                    return work(connection)
            except (sqlite3.DatabaseError, json.JSONDecodeError) as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                raise damaged(path, str(error)) from error


def _read_table(connection: sqlite3.Connection, table: str) -> list[dict[str, object]]:
    cursor = connection.execute(f"SELECT * FROM {table}{_ORDER.get(table, '')}")  # noqa: S608 - a known name
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


_ORDER = dict.fromkeys(TABLES, " ORDER BY rowid") | {"spending": " ORDER BY effect_id, attempt"}
