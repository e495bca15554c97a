"""What went wrong: errors grouped with counts, outages, stretches in which nothing happened."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from peercycle.core.base import JSON
from peercycle.core.events import RunEvent
from peercycle.core.passed_on import passes_on
from peercycle.export.account.gathering import Gathered

IDLE_SECONDS = 600.0
"""A gap between two events that is at least this long is an idle stretch."""
_VARYING = re.compile(r"sha256:[0-9a-f]+|0x[0-9a-f]+|\b[0-9a-f]{12,}\b|\b[0-9]+(?:\.[0-9]+)?\b")
_MOST_PLACES = 8
_FAULTS = frozenset({"stage_failed", "export_failed", "component_failed", "plugin_problem"})


@dataclass(slots=True)
class _Group:
    kind: str
    message: str
    first: float | None
    last: float | None = None
    count: int = 0
    where: list[JSON] = field(default_factory=list)

    def add(self, where: str, at: float | None) -> None:
        """Count one more of the kind."""
        self.count += 1
        self.last = at if at is not None else self.last
        if where and where not in self.where and len(self.where) < _MOST_PLACES:
            self.where.append(where)


def errors(run: Gathered) -> list[JSON]:
    """Return errors in groups: those that differ only in numbers and hashes are one."""
    groups: dict[tuple[str, str], _Group] = {}
    for what, where, message, at in _errors(run):
        group = groups.setdefault((what, _VARYING.sub("#", message)), _Group(what, message[:500], at))
        group.add(where, at)
    return [asdict(group) for group in sorted(groups.values(), key=lambda g: (-g.count, g.kind, g.message))]


def _errors(run: Gathered) -> Iterable[tuple[str, str, str, float | None]]:
    told: set[str] = set()
    for event in run.events:
        if event.kind in _FAULTS:
            message = event.message or str(event.data.get("error") or "no message was recorded")
            if not event.candidate and passes_on(message, told):
                continue  # What ended the candidates was told of them.
            # Without the error's type, as it is passed on.
            told.add(message.partition(": ")[2] or message)
            yield event.kind, _where(event), message, event.at
    for row in run.effect_errors:
        message = f"{row['error_type'] or ''}: {row['error_message']}".strip(": ")
        for _ in range(min(int(row["times"]), 10_000)):
            yield f"{row['kind']} effect", str(row["stage"]), message, None
    for version in run.versions:
        if version.row.error and not passes_on(version.row.error, told):
            yield "candidate failed", f"{version.row.candidate} round {version.row.round}", version.row.error, None
    seen: set[str] = set()
    for version in run.versions:
        for execution in version.results.executions if version.results is not None else ():
            if execution.status != "ok" and execution.id not in seen:
                seen.add(execution.id)
                error = (execution.error or "no standard error").strip().splitlines()[-1:] or [""]
                place = f"{execution.experiment} seed {execution.seed}"
                yield f"execution {execution.status}", place, error[0], None


def _where(event: RunEvent) -> str:
    return " ".join(part for part in (event.candidate, event.stage) if part)


def retries(run: Gathered) -> dict[str, JSON]:
    """Return how many effects were tried more than once, and what was in flight when a driver died."""
    return {
        "repeated": sum(1 for row in run.attempts if int(row["attempt"]) > 1),
        "lost": sum(1 for row in run.attempts if row["state"] == "lost"),
    }


def lost(run: Gathered) -> dict[str, JSON]:
    """Return the worst case of what was in flight when a driver died: it is part of what counts as spent."""
    rows = [row for row in run.attempts if row["state"] == "lost"]
    tokens = sum(int(row["prompt_tokens"]) + int(row["completion_tokens"]) for row in rows)
    return {
        "effects": len(rows),
        "tokens": tokens,
        "cost": sum(float(row["cost"] or 0.0) for row in rows),
        "model_calls": sum(int(row["model_calls"]) for row in rows),
        "sandbox_seconds": sum(float(row["sandbox_seconds"]) for row in rows),
        "requests": sum(int(row["requests"]) for row in rows),
    }


def outages(run: Gathered) -> list[JSON]:
    """Return what the log says of services that could not be reached, in the order of the first time.

    Those that differ only in numbers, such as the seconds of a pause, are one.
    """
    groups: dict[str, _Group] = {}
    for event in run.events:
        if event.kind.startswith("outage"):
            group = groups.setdefault(_VARYING.sub("#", event.message), _Group(event.kind, event.message, event.at))
            group.add(_where(event), event.at)
    return [
        {"at": g.first, "last": g.last, "count": g.count, "where": "; ".join(map(str, g.where)), "message": g.message}
        for g in groups.values()
    ]


def idle(run: Gathered) -> list[JSON]:
    """Return stretches in which nothing was logged, longest first."""
    gaps = [
        (after.at - before.at, before, after)
        for before, after in zip(run.events, run.events[1:], strict=False)
        if after.at - before.at >= IDLE_SECONDS
    ]
    gaps.sort(key=lambda gap: -gap[0])
    return [
        {
            "seconds": seconds,
            "from": before.at,
            "after": f"{before.kind} {_where(before)}".strip(),
            "before": after.kind,
        }
        for seconds, before, after in gaps[:20]
    ]
