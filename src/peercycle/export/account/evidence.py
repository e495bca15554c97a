"""What the paper rests on: experiments, numbers, citations."""

from __future__ import annotations

from collections import Counter

from peercycle.core.base import JSON
from peercycle.core.experiments import Execution, ExperimentResults, Measurement
from peercycle.core.writing import CheckReport
from peercycle.export.account.gathering import Gathered, Version

_MOST_LISTED = 200


def experiments(version: Version | None, run: Gathered) -> dict[str, JSON]:
    """Return what was run for a version: seeds, how executions ended, means with intervals."""
    results = version.results if version is not None else None
    if results is None:
        return {"mode": "off", "reason": "no results are recorded", "experiments": []}
    seconds = {str(row.get("id")): row.get("seconds") for row in run.executions}
    return {
        "mode": results.mode,
        "reason": results.reason,
        "experiments": [_experiment(name, results, seconds) for name in _names(results)],
    }


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
    return rows[:_MOST_LISTED]


def numbers(check: CheckReport | None) -> dict[str, JSON]:
    """Return how many numbers of the text are bound to a measurement, and those that are not."""
    if check is None:
        return {"checked": False, "counts": {}, "listed": []}
    counts: dict[str, JSON] = {**Counter(n.status for n in check.numbers)}
    order = {"wrong_rounding": 0, "unknown_id": 1, "simulated": 2, "unbound": 3, "by_value": 4, "bound": 5}
    rows = sorted(check.numbers, key=lambda n: order[n.status])
    listed: list[JSON] = [
        {"shown": n.shown, "where": n.where, "status": n.status, "measurement": n.measurement, "detail": n.detail}
        for n in rows[:_MOST_LISTED]
    ]
    return {"checked": True, "counts": counts, "listed": listed, "left_out": max(0, len(rows) - _MOST_LISTED)}


def citations(check: CheckReport | None) -> dict[str, JSON]:
    """Return how citations fared, and each citing sentence beside the passage that comes nearest to it."""
    if check is None:
        return {"checked": False, "counts": {}, "listed": [], "uncited": []}
    rows = sorted(check.citations, key=lambda c: c.status in {"in_bibliography", "resolved"})
    listed: list[JSON] = [
        {"key": c.key, "status": c.status, "detail": c.detail, "sentence": c.sentence, "support": c.support}
        for c in rows[:_MOST_LISTED]
    ]
    return {
        "checked": True,
        "counts": dict(Counter(c.status for c in check.citations)),
        "listed": listed,
        "left_out": max(0, len(rows) - _MOST_LISTED),
        "uncited": list(check.uncited),
    }


def revisions(run: Gathered) -> list[JSON]:
    """Return for each round of revision how every point of the reviews ended."""
    found: list[JSON] = []
    for version in run.versions:
        points = [outcome for outcome in version.outcomes if outcome.round == version.row.round]
        if not points:
            continue
        listed: list[JSON] = [
            {
                "point": o.point,
                "text": o.text,
                "end": o.end,
                "answer": o.answer,
                "artifact": o.artifact,
                "reason": o.reason,
            }
            for o in points
        ]
        found.append({
            "candidate": version.row.candidate,
            "round": version.row.round,
            "counts": dict(Counter(o.end for o in points)),
            "points": listed,
        })  # fmt: skip
    return found
