"""From results files to measurements: seed by seed, then over seeds."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence

from peercycle.core.base import JSON
from peercycle.core.derivations import derived_value
from peercycle.core.experiments import Derivation, Execution, Experiment, ExperimentResults, Measurement, Statistic

MAX_RESULTS_BYTES = 4 * 1024 * 1024
MAX_MEASUREMENTS = 5000
MAX_DEPTH = 32
STATISTICS: tuple[Statistic, ...] = ("mean", "sd", "min", "max", "median", "n", "ci95_low", "ci95_high")


class BadResultsError(ValueError):
    """A results file is missing, too large, or not of the form that `Experiment` states."""


def parse_results(body: bytes, experiment: Experiment, seed: int, execution: str, artifact: str) -> list[Measurement]:
    """Return the measurements of a results file. Raises `BadResultsError` with what a program's author must mend."""
    listed = _measurement_list(body)
    found: list[Measurement] = []
    taken: dict[str, int] = {}
    for index, entry in enumerate(listed):
        metric, value, unit, group = _entry(index, entry)
        base = f"{slug(experiment.id)}.{slug(metric)}" + (f".{slug(group)}" if group else "")
        taken[base] = taken.get(base, 0) + 1
        if taken[base] > 1:
            raise BadResultsError(
                f"measurements[{index}] repeats metric {metric!r} of group {group!r}; give each its group"
            )
        found.append(
            Measurement(
                id=f"{base}.s{seed}",
                metric=metric,
                value=value,
                unit=unit,
                group=group,
                experiment=experiment.id,
                seed=seed,
                execution=execution,
                artifact=artifact,
                pointer=f"/measurements/{index}/value",
            )
        )
    missing = set(experiment.metrics) - {m.metric for m in found}
    if missing:
        raise BadResultsError(f"the declared metrics {sorted(missing)} are not among the measurements")
    return found


def _measurement_list(body: bytes) -> list[JSON]:
    if len(body) > MAX_RESULTS_BYTES:
        raise BadResultsError(f"results.json has {len(body)} bytes, over the limit of {MAX_RESULTS_BYTES}")
    if _depth(body) > MAX_DEPTH:
        raise BadResultsError(f"results.json is nested deeper than {MAX_DEPTH}")
    try:
        parsed = json.loads(body, parse_constant=_no_constant)
    except ValueError as error:
        raise BadResultsError(f"results.json is not JSON: {error}") from None
    listed = parsed.get("measurements") if isinstance(parsed, dict) else None
    if not isinstance(listed, list) or not listed:
        raise BadResultsError('results.json must be an object whose "measurements" is a list of at least one')
    if len(listed) > MAX_MEASUREMENTS:
        raise BadResultsError(f"results.json holds {len(listed)} measurements, over the limit of {MAX_MEASUREMENTS}")
    return listed


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number of JSON")


def _depth(body: bytes) -> int:
    depth = deepest = 0
    for byte in re.sub(rb'"(?:[^"\\]|\\.)*"', b"", body):
        depth += (byte in b"[{") - (byte in b"]}")
        deepest = max(deepest, depth)
    return deepest


def _entry(index: int, entry: JSON) -> tuple[str, float, str | None, str | None]:
    if not isinstance(entry, dict) or not isinstance(entry.get("metric"), str) or not entry["metric"]:
        raise BadResultsError(f'measurements[{index}] needs a "metric", a text')
    value = entry.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadResultsError(f'measurements[{index}] needs a "value", a finite number')
    unit, group = entry.get("unit"), entry.get("group")
    return (
        str(entry["metric"])[:80],
        float(value),
        str(unit)[:40] if unit is not None else None,
        str(group)[:80] if group is not None else None,
    )


def slug(text: str) -> str:
    """Return a part of a measurement's id."""
    return re.sub(r"[^a-z0-9_+-]", "-", text.lower())[:40] or "-"


def accumulate(
    before: ExperimentResults | None,
    executions: Sequence[Execution],
    measured: Sequence[Measurement],
    experiments: Sequence[Experiment],
) -> ExperimentResults:
    """Add a plan's executions to all earlier ones, and derive the numbers over seeds anew.

    Seeds of one unchanged experiment accumulate; an experiment that was changed replaces its earlier self.
    """
    old = before or ExperimentResults()
    earlier = {experiment.id: experiment for experiment in old.experiments}
    merged: dict[str, Experiment] = dict(earlier)
    dropped: set[str] = set()
    for experiment in experiments:
        known = earlier.get(experiment.id)
        if known is not None and _same(known, experiment):
            seeds = tuple(dict.fromkeys((*known.seeds, *experiment.seeds)))
            merged[experiment.id] = experiment.model_copy(update={"seeds": seeds})
        else:
            merged[experiment.id] = experiment
            dropped.add(experiment.id)
    fresh = {(execution.experiment, execution.seed) for execution in executions}
    kept = [e for e in old.executions if e.experiment not in dropped and (e.experiment, e.seed) not in fresh]
    kept_ids = {execution.id for execution in kept}
    raw = [m for m in old.measurements if m.derived is None and m.execution in kept_ids] + list(measured)
    raw.sort(key=lambda m: (m.experiment, m.metric, m.group or "", m.seed if m.seed is not None else -1))
    return ExperimentResults(
        executions=(*kept, *executions),
        measurements=(*raw, *derive(raw)),
        experiments=tuple(merged.values()),
    )


def _same(one: Experiment, other: Experiment) -> bool:
    return (one.script, one.inputs, one.parameters, one.data) == (
        other.script,
        other.inputs,
        other.parameters,
        other.data,
    )


def derive(raw: Sequence[Measurement]) -> list[Measurement]:
    """Return the statistics over seeds of every metric that was measured under at least two."""
    series: dict[tuple[str, str, str | None], list[Measurement]] = {}
    for m in raw:
        series.setdefault((m.experiment, m.metric, m.group), []).append(m)
    found: list[Measurement] = []
    for (experiment, metric, group), members in series.items():
        if len(members) < 2:
            continue
        base = f"{slug(experiment)}.{slug(metric)}" + (f".{slug(group)}" if group else "")
        for statistic in STATISTICS:
            value = derived_value(statistic, [m.value for m in members])
            if value is None:
                continue
            found.append(
                Measurement(
                    id=f"{base}.{statistic}",
                    metric=metric,
                    value=value,
                    unit=None if statistic == "n" else members[0].unit,
                    group=group,
                    experiment=experiment,
                    derived=Derivation(statistic=statistic, of=tuple(m.id for m in members)),
                    provenance=members[0].provenance,
                )
            )
    return found
