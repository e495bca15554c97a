"""What was run for the paper: seeds, how executions ended, means with intervals; or why nothing was."""

from __future__ import annotations

from collections import Counter

from peercycle.core.base import JSON
from peercycle.core.experiments import Execution, ExperimentResults, Measurement
from peercycle.core.failures import failed_executions, failure_lines, final_executions
from peercycle.export.account.gathering import Gathered, Version

_MOST_MEASURES = 200


def experiments(version: Version | None, run: Gathered) -> dict[str, JSON]:
    """Return what was run for a version: seeds, how executions ended, means with intervals."""
    results = version.results if version is not None else None
    if results is None or not (results.executions or results.measurements):
        mode = "off" if results is None else results.mode
        return {"mode": mode, "reason": why_none(version, run), "experiments": [], "failed": 0, "executions": 0}
    seconds = {str(row.get("id")): row.get("seconds") for row in run.executions}
    return {
        "mode": results.mode,
        "reason": results.reason,
        "experiments": [_experiment(name, results, seconds) for name in _names(results)],
        "failed": len(failed_executions(results.executions)),
        "executions": len(final_executions(results.executions)),
    }


def why_none(version: Version | None, run: Gathered) -> str:
    """Return why a version has no experiment: what the run chose, else what the policy said."""
    chosen = next((line for line in run.record.choices if line.startswith("experiments: off")), None)
    if chosen is not None:
        return chosen.removeprefix("experiments: ")
    if run.record.options.experiments == "off":
        return "off, as asked"
    if version is not None and version.plan is not None and version.plan.declined:
        return version.plan.declined.rstrip(".")
    if version is not None and version.results is not None and version.results.reason:
        return version.results.reason.rstrip(".")
    return "no reason is recorded"


def lacks_sandbox(run: Gathered) -> bool:
    """Say whether experiments are off because no sandbox passed its probe."""
    return any(line.startswith("experiments: off, because") for line in run.record.choices)


def failed_experiments(run: Gathered) -> list[str]:
    """Return a line for each experiment of which executions failed: how many, how, with the last words of one."""
    version = run.best or next((v for v in reversed(run.versions) if v.results is not None), None)
    results = version.results if version is not None else None
    return [] if results is None else list(failure_lines(results.executions))


def _names(results: ExperimentResults) -> list[str]:
    named = [e.id for e in results.experiments]
    named += [e.experiment for e in results.executions] + [m.experiment for m in results.measurements]
    return list(dict.fromkeys(named))


def _experiment(name: str, results: ExperimentResults, seconds: dict[str, object]) -> JSON:
    plan = next((e for e in results.experiments if e.id == name), None)
    runs = [e for e in results.executions if e.experiment == name]
    took = [value for e in runs if isinstance(value := seconds.get(e.id), int | float)]
    return {
        "id": name,
        "question": plan.question if plan is not None else "",
        "seeds": [*sorted({e.seed for e in runs if e.status == "ok"})],
        "planned_seeds": list(plan.seeds) if plan is not None else [],
        "answers": list(plan.answers) if plan is not None else [],
        "executions": dict(Counter(e.status for e in runs)),
        "seconds": sum(took) if took else None,
        "script": runs[-1].script if runs else None,
        "failures": _failures(runs),
        "measures": _measures([m for m in results.measurements if m.experiment == name]),
    }


def _failures(runs: list[Execution]) -> list[JSON]:
    failed = [e for e in runs if e.status != "ok"][:20]
    return [{"seed": e.seed, "status": e.status, "error": _tail(e.error)} for e in failed]


def _tail(text: str | None) -> str | None:
    return None if text is None else " ".join(text.split())[-300:]


def _measures(measurements: list[Measurement]) -> list[JSON]:
    """Return one row per metric and group: the mean, its interval and the number of seeds, where derived."""
    groups: dict[tuple[str, str | None], list[Measurement]] = {}
    for m in measurements:
        groups.setdefault((m.metric, m.group), []).append(m)
    rows: list[JSON] = []
    for (metric, group), found in groups.items():
        derived = {m.derived.statistic: m for m in found if m.derived is not None}
        raw = [m for m in found if m.derived is None]
        mean = derived.get("mean") or (raw[0] if len(raw) == 1 else None)
        low, high = derived.get("ci95_low"), derived.get("ci95_high")
        rows.append({
            "metric": metric,
            "group": group,
            "unit": found[0].unit,
            "value": mean.value if mean is not None else None,
            "ci95": [low.value, high.value] if low is not None and high is not None else None,
            "values": len(raw),
            "seeds": len({m.seed for m in raw if m.seed is not None}),
            "provenance": [*sorted({m.provenance for m in found})],
        })  # fmt: skip
    return rows[:_MOST_MEASURES]
