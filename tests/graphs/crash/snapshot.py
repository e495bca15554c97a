"""What a run left, without times and without what chance decides: two runs alike are equal here."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLES = {
    "candidates": (),
    "assessments": (),
    "reviews": (),
    "completions": (),
    "executions": ("seconds", "peak_mb"),
    "measurements": (),
    "questions": ("asked_at", "asked_at_utc", "answered_at", "answered_at_utc"),
}
"""Tables that a crash may not change, and the columns of each that time decides."""

UNSTEADY = ("sandbox", "now")
"""Kinds of effects whose answers hold durations or times."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run's content."""

    tables: dict[str, list[str]]
    """Rows as sorted lines of JSON."""
    artifacts: frozenset[tuple[str, str]]
    files: dict[str, str]
    """Hashes of what lies in `paper/`."""
    status: str

    def differences(self, other: Snapshot) -> list[str]:
        """Return a line for each thing that is otherwise there."""
        found = [f"status {self.status} -> {other.status}"] if self.status != other.status else []
        for table, rows in self.tables.items():
            lost, doubled = Counter(rows) - Counter(other.tables[table]), Counter(other.tables[table]) - Counter(rows)
            found += [f"{table} lacks {row}" for row in lost] + [f"{table} has {row}" for row in doubled]
        for what, one, two in (("lacks", self, other), ("has", other, self)):
            found += [f"artifacts {what} {name} {ref[:20]}" for ref, name in sorted(one.artifacts - two.artifacts)]
        names = sorted(self.files.keys() | other.files.keys())
        return found + [f"file {name} differs" for name in names if self.files.get(name) != other.files.get(name)]


def take(run: Path) -> Snapshot:
    """Read a run with nothing but sqlite3."""
    with closing(connect(run)) as connection:
        tables = {name: rows_of(connection, name, drop) for name, drop in TABLES.items()}
        tables["effects"] = _effects(connection)
        noted = connection.execute("SELECT ref, name FROM artifacts").fetchall()
    terminal = json.loads((run / "run.json").read_text(encoding="utf-8")).get("terminal") or {}
    files = {
        str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((run / "paper").rglob("*"))
        if path.is_file()
    }
    kept = frozenset((ref, name) for ref, name in noted if name != "result")
    return Snapshot(tables, kept, files, f"{terminal.get('status')}/{terminal.get('reason')}")


def connect(run: Path) -> sqlite3.Connection:
    """Open a run's database for reading."""
    return sqlite3.connect(f"file:{run / 'run.sqlite'}?mode=ro", uri=True)


def rows_of(connection: sqlite3.Connection, table: str, drop: tuple[str, ...] = ()) -> list[str]:
    """Return a table's rows as sorted lines of JSON."""
    cursor = connection.execute(f"SELECT * FROM {table}")
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor]
    return sorted(json.dumps({n: v for n, v in row.items() if n not in drop}, sort_keys=True) for row in rows)


def _effects(connection: sqlite3.Connection) -> list[str]:
    columns = "candidate, stage, visit, kind, request_sha256, occurrence, state, error_type, result, result_ref"
    lines = []
    for row in connection.execute(f"SELECT {columns} FROM effects"):
        kept = row[:8] if row[3] in UNSTEADY else row
        lines.append(json.dumps(kept))
    return sorted(lines)


def table(run: Path, query: str) -> list[dict[str, Any]]:
    """Return what a query finds."""
    with closing(connect(run)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query)]
