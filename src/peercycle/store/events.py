"""The log of a run, in `run.sqlite`."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Sequence

from peercycle.core.events import RunEvent
from peercycle.store.bodies import json_text, plain_text

LINES_AT_ONCE = 50
"""SQLite takes some thousands of values in one statement."""

EventRow = tuple[float, str, str, str, int, str, str | None, str]


class Lines:
    """Lines of the log that one commit will write, in one statement: each statement costs as much as its row."""

    def __init__(self, row: EventRow) -> None:
        self._rows = [row]
        self._taken = False
        # The commit may be made in another thread.
        self._lock = threading.Lock()

    def add(self, row: EventRow) -> bool:
        """Add a line; False where a commit has begun to write these, or they are enough."""
        with self._lock:
            if self._taken or len(self._rows) >= LINES_AT_ONCE:
                return False
            self._rows.append(row)
            return True

    def write(self, connection: sqlite3.Connection) -> None:
        """Append the lines to the log; safe to call again where they were taken back."""
        with self._lock:
            self._taken = True
        places = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?)"] * len(self._rows))
        connection.execute(
            f"INSERT INTO events (at, kind, candidate, stage, visit, message, data_json, run_id) VALUES {places}",  # noqa: S608 - question marks only
            [value for row in self._rows for value in row],
        )


def row_of(event: RunEvent) -> EventRow:
    """Return a line as its row. Raises `StoreError` for data that is not JSON."""
    return (
        event.at,
        event.kind,
        event.candidate,
        event.stage,
        event.visit,
        plain_text(event.message),
        json_text(dict(event.data), "an event's data") if event.data else None,
        event.run_id,
    )


def read_events(connection: sqlite3.Connection, after: int, kinds: Sequence[str]) -> tuple[tuple[int, RunEvent], ...]:
    """Return the lines after a row id, of some kinds or of all, oldest first."""
    marks = ", ".join("?" * len(kinds))
    only = f" AND kind IN ({marks})" if kinds else ""
    columns = "id, run_id, kind, at, message, candidate, stage, visit, data_json"
    query = f"SELECT {columns} FROM events WHERE id > ?{only} ORDER BY id"  # noqa: S608 - question marks only
    rows = connection.execute(query, (after, *kinds))
    return tuple(
        (
            row[0],
            RunEvent(
                run_id=row[1],
                kind=row[2],
                at=row[3],
                message=row[4],
                candidate=row[5],
                stage=row[6],
                visit=row[7],
                data=json.loads(row[8] or "{}"),
            ),
        )
        for row in rows
    )


def last_event(connection: sqlite3.Connection) -> int:
    """Return the row id of the newest line, without reading any; 0 where there is none."""
    (found,) = connection.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()
    return int(found)
