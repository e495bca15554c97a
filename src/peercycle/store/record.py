"""`run.json`: what a run is, and the terminal record that alone proves its end."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from pydantic import ValidationError

from peercycle.core.complaints import complaint_of
from peercycle.core.errors import DamagedRunError, RunVersionError
from peercycle.core.runs import RunRecord
from peercycle.store.bodies import plain_text
from peercycle.store.database import DATABASE_FILE, check_version, connect_read_only, damaged
from peercycle.store.disk import disk_errors, replace_file
from peercycle.store.upsert import upsert

RECORD_FILE = "run.json"
RECORD_VERSION = 1


def read_record(directory: Path) -> RunRecord:
    """Read a run's record. Raises `DamagedRunError` naming the file, or `RunVersionError`."""
    path = directory / RECORD_FILE
    with disk_errors("read", path):
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            raise DamagedRunError(f"{str(path)!r} is missing; restore it from a copy") from None
    try:
        found = json.loads(text)
    except ValueError as error:
        raise damaged(path, str(error)) from error
    version = found.get("schema_version", RECORD_VERSION) if isinstance(found, dict) else RECORD_VERSION
    if version != RECORD_VERSION:
        raise RunVersionError(
            f"{str(path)!r} has format {version!r}, and this version reads {RECORD_VERSION}; "
            "use the peercycle version that wrote the run"
        )
    try:
        return RunRecord.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise damaged(path, f"{where}: {complaint_of(first)}" if where else "it is no record of a run") from error


def logged_record(directory: Path) -> RunRecord:
    """Read a run's record, or its copy in the database where `run.json` is missing: enough to read a log by.

    Not to go on with a run: the copy may be one write behind. Raises what `read_record` raises.
    """
    path = directory / DATABASE_FILE
    if (directory / RECORD_FILE).exists() or not path.exists():
        return read_record(directory)
    try:
        with closing(connect_read_only(path)) as connection:
            check_version(connection, path)
            row = connection.execute("SELECT record_json FROM records").fetchone()
    except sqlite3.DatabaseError as error:
        raise damaged(path, str(error)) from error
    if row is None:
        raise damaged(path, f"it holds no record of its run, and {RECORD_FILE} is missing")
    try:
        return RunRecord.model_validate_json(row[0])
    except ValidationError as error:
        raise damaged(path, f"its record of the run is none ({error.errors()[0]['msg']})") from error


def replace_record(directory: Path, record: RunRecord) -> None:
    """Write a run's record as a whole, for people to read too. Raises `StoreError`, the old one kept."""
    text = json.dumps(record.model_dump(mode="json"), indent=1, ensure_ascii=True, allow_nan=False)
    replace_file(directory / RECORD_FILE, f"{text}\n".encode())


def save_run_row(connection: sqlite3.Connection, record: RunRecord) -> None:
    """Show the record in the tables `runs` and `records`, for who reads only the database.

    Whole it stands in a table apart: the row of `runs` is written again with every effect.
    """
    terminal = record.terminal
    values = {
        "created_at": record.created_at,
        "status": "running" if terminal is None else terminal.status,
        "reason": None if terminal is None else terminal.reason,
        "message": "" if terminal is None else plain_text(terminal.message),
        "ended_at": None if terminal is None else terminal.at,
        "peercycle_version": record.peercycle_version,
        "task": record.task,
    }
    upsert(connection, "runs", {"run_id": record.run_id}, values)
    upsert(connection, "records", {"run_id": record.run_id}, {"record_json": record.model_dump_json()})
