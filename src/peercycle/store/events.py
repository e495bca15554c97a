"""The log of a run, in `run.sqlite`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from peercycle.core.events import RunEvent
from peercycle.store.bodies import json_text, plain_text


def add_event(connection: sqlite3.Connection, event: RunEvent) -> None:
    """Append a line to the log."""
    connection.execute(
        "INSERT INTO events (at, kind, candidate, stage, visit, message, data_json, run_id) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            event.at,
            event.kind,
            event.candidate,
            event.stage,
            event.visit,
            plain_text(event.message),
            json_text(dict(event.data), "an event's data") if event.data else None,
            event.run_id,
        ),
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
