"""Programs that were run, and the numbers that came out, in `run.sqlite`."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from peercycle.core.experiments import Execution, Measurement
from peercycle.store.bodies import json_text, plain_text, plain_text_or_none
from peercycle.store.upsert import upsert


def save_executions(
    connection: sqlite3.Connection,
    candidate: str,
    stage: str,
    visit: int,
    executions: Sequence[Execution],
    durations: Mapping[str, tuple[float, float | None]],
) -> None:
    """Insert or replace executions; one that is saved again without a duration keeps the one it had."""
    for execution in executions:
        seconds, peak_mb = durations.get(execution.id, (None, None))
        values = {
            "stage": stage,
            "visit": visit,
            "experiment": execution.experiment,
            "seed": execution.seed,
            "attempt": execution.attempt,
            "status": execution.status,
            "exit_code": execution.exit_code,
            "seconds": seconds,
            "peak_mb": peak_mb,
            "script": execution.script,
            "results": execution.results,
            "files_json": json_text([file.model_dump(mode="json") for file in execution.files], "collected files"),
            "error": plain_text_or_none(execution.error),
        }
        key = {"candidate": candidate, "id": execution.id}
        upsert(connection, "executions", key, values, keep=("seconds", "peak_mb"))


def save_measurements(connection: sqlite3.Connection, candidate: str, measurements: Sequence[Measurement]) -> None:
    """Insert or replace measurements."""
    for measurement in measurements:
        derived = measurement.derived
        values = {
            "metric": plain_text(measurement.metric),
            "value": measurement.value,
            "unit": plain_text_or_none(measurement.unit),
            "experiment": measurement.experiment,
            "arm": plain_text_or_none(measurement.group),
            "seed": measurement.seed,
            "statistic": None if derived is None else derived.statistic,
            "of_json": None if derived is None else json_text(list(derived.of), "a derivation"),
            "execution": measurement.execution,
            "artifact": measurement.artifact,
            "pointer": plain_text_or_none(measurement.pointer),
            "provenance": measurement.provenance,
        }
        upsert(connection, "measurements", {"candidate": candidate, "id": measurement.id}, values)
