"""Programs that were run, and the numbers that came out, in `run.sqlite`."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from peercycle.core.experiments import Execution, Measurement
from peercycle.store.bodies import json_text, plain_text


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
        files = json_text([file.model_dump(mode="json") for file in execution.files], "collected files")
        connection.execute(
            "INSERT INTO executions (candidate, id, stage, visit, experiment, seed, attempt, status, exit_code, "
            "seconds, peak_mb, script, results, files_json, error) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (candidate, id) DO UPDATE SET stage = excluded.stage, visit = excluded.visit, "
            "experiment = excluded.experiment, seed = excluded.seed, attempt = excluded.attempt, "
            "status = excluded.status, exit_code = excluded.exit_code, "
            "seconds = COALESCE(excluded.seconds, seconds), peak_mb = COALESCE(excluded.peak_mb, peak_mb), "
            "script = excluded.script, results = excluded.results, files_json = excluded.files_json, "
            "error = excluded.error",
            (
                candidate,
                execution.id,
                stage,
                visit,
                execution.experiment,
                execution.seed,
                execution.attempt,
                execution.status,
                execution.exit_code,
                seconds,
                peak_mb,
                execution.script,
                execution.results,
                files,
                None if execution.error is None else plain_text(execution.error),
            ),
        )


def save_measurements(connection: sqlite3.Connection, candidate: str, measurements: Sequence[Measurement]) -> None:
    """Insert or replace measurements."""
    for measurement in measurements:
        derived = measurement.derived
        connection.execute(
            "INSERT INTO measurements (candidate, id, metric, value, unit, experiment, arm, seed, statistic, "
            "of_json, execution, artifact, pointer, provenance) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (candidate, id) DO UPDATE SET metric = excluded.metric, value = excluded.value, "
            "unit = excluded.unit, experiment = excluded.experiment, arm = excluded.arm, seed = excluded.seed, "
            "statistic = excluded.statistic, of_json = excluded.of_json, execution = excluded.execution, "
            "artifact = excluded.artifact, pointer = excluded.pointer, provenance = excluded.provenance",
            (
                candidate,
                measurement.id,
                plain_text(measurement.metric),
                measurement.value,
                None if measurement.unit is None else plain_text(measurement.unit),
                measurement.experiment,
                None if measurement.group is None else plain_text(measurement.group),
                measurement.seed,
                None if derived is None else derived.statistic,
                None if derived is None else json_text(list(derived.of), "a derivation"),
                measurement.execution,
                measurement.artifact,
                None if measurement.pointer is None else plain_text(measurement.pointer),
                measurement.provenance,
            ),
        )
