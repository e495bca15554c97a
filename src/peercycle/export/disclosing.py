"""What every paper says of itself: that it is machine-made, by what, and which numbers were measured."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from peercycle.core.base import JSON
from peercycle.core.contracts import Edition
from peercycle.core.experiments import ExperimentResults, Measurement
from peercycle.export.text import plain
from peercycle.export.tidy.ledger import NumberKind


def number_kinds(results: ExperimentResults | None) -> dict[str, NumberKind]:
    """Return what each number is, by measurement id; all that a simulation gave is simulated."""
    if results is None:
        return {}
    simulated = results.mode == "simulate"
    return {m.id: "simulated" if simulated else m.provenance for m in results.measurements}


def maker(made_by: Mapping[str, JSON]) -> str:
    """Return who made the paper, on one line: the policy and its models where they are named."""
    named = [
        f"{role} {made_by[role]}" for role in ("policy", "reviewer", "judge") if isinstance(made_by.get(role), str)
    ]
    return "peercycle" + (f" ({', '.join(named)})" if named else "")


def disclosure_json(edition: Edition, shown: Iterable[str]) -> bytes:
    """Return `disclosure.json`: the statement, what made the paper, and what each number in it rests on."""
    results = edition.results
    kinds = number_kinds(results)
    rows: list[JSON] = []
    for name in shown:
        measurement = results.measurement(name) if results is not None else None
        rows.append(_row(measurement, kinds[name]) if measurement else {"id": name, "provenance": "unknown"})
    counts: dict[str, JSON] = {
        kind: sum(1 for row in rows if isinstance(row, dict) and row["provenance"] == kind)
        for kind in ("measured", "simulated", "unknown")
    }
    value: dict[str, JSON] = {
        "schema_version": 1,
        "machine_made": True,
        "disclosure": edition.disclosure,
        "made_by": dict(edition.made_by),
        "title": plain(edition.manuscript.title),
        "topic": edition.topic,
        "experiments": results.mode if results is not None else "off",
        "numbers": rows,
        "counts": counts,
    }
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _row(measurement: Measurement, kind: NumberKind) -> dict[str, JSON]:
    return {
        "id": measurement.id,
        "provenance": kind,
        "metric": measurement.metric,
        "value": measurement.value,
        "unit": measurement.unit,
        "group": measurement.group,
        "experiment": measurement.experiment,
        "seed": measurement.seed,
        "execution": measurement.execution,
        "artifact": measurement.artifact,
        "pointer": measurement.pointer,
        "derived": None if measurement.derived is None else measurement.derived.model_dump(mode="json"),
    }
