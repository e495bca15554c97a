"""What the paper rests on: numbers and citations; and how its revisions answered the reviews."""

from __future__ import annotations

from collections import Counter

from peercycle.core.base import JSON
from peercycle.core.writing import CheckReport, CitationCheck
from peercycle.export.account.gathering import Gathered, Version
from peercycle.export.text import plain

_MOST_LISTED = 200
_MOST_NEAREST = 20


def numbers(check: CheckReport | None) -> dict[str, JSON]:
    """Return how many numbers of the text are bound to a measurement, and those that are not."""
    if check is None:
        return {"checked": False, "counts": {}, "bound_where": {}, "exceptions": [], "listed": [], "left_out": 0}
    counts: dict[str, JSON] = {**Counter(n.status for n in check.numbers)}
    order = {"wrong_rounding": 0, "unknown_id": 1, "simulated": 2, "unbound": 3, "by_value": 4, "bound": 5}
    rows = sorted(check.numbers, key=lambda n: order[n.status])
    listed: list[JSON] = [
        {
            "shown": plain(n.shown),
            "where": plain(n.where),
            "status": n.status,
            "measurement": n.measurement,
            "detail": n.detail,
        }
        for n in rows
    ]
    loose = len([n for n in rows if n.status != "bound"])
    return {
        "checked": True,
        "counts": counts,
        "bound_where": dict(Counter(plain(n.where) for n in rows[loose:])),
        "exceptions": listed[:loose][:_MOST_LISTED],
        "listed": listed,
        "left_out": max(0, loose - _MOST_LISTED),
    }


def nearest_prior(best: Version | None) -> list[JSON]:
    """Return the earlier works that the outline of the best version names as the nearest."""
    if best is None or best.outline is None:
        return []
    found: list[JSON] = []
    for key in best.outline.nearest_prior[:_MOST_NEAREST]:
        work = best.bibliography.get(key) if best.bibliography is not None else None
        found.append({"key": key, "title": work.title if work else "", "year": work.year if work else None})
    return found


def citations(check: CheckReport | None) -> dict[str, JSON]:
    """Return how citations fared, and each citing sentence beside the passage that comes nearest to it."""
    if check is None:
        nothing: dict[str, JSON] = {"counts": {}, "listed": [], "sentences": [], "left_out": 0, "uncited": []}
        return {"checked": False, "online": False, "sources": [], "unresolved": [], **nothing}
    rows = sorted(check.citations, key=lambda c: c.status in {"in_bibliography", "resolved"})
    listed: list[JSON] = [_citation(c) for c in rows[:_MOST_LISTED]]
    return {
        "checked": True,
        "online": check.online,
        "sources": list(check.sources),
        "unresolved": list(check.unresolved),
        "counts": dict(Counter(c.status for c in check.citations)),
        "listed": listed,
        "sentences": _by_sentence(rows[:_MOST_LISTED]),
        "left_out": max(0, len(rows) - _MOST_LISTED),
        "uncited": list(check.uncited),
    }


def _citation(found: CitationCheck) -> dict[str, JSON]:
    return {
        "key": found.key,
        "status": found.status,
        "detail": found.detail,
        "sentence": plain(found.sentence) if found.sentence is not None else None,
        "support": found.support,
    }


def _by_sentence(rows: list[CitationCheck]) -> list[JSON]:
    """Return each citing sentence once, with the works that it cites; keys that no sentence is known for come last."""
    groups: dict[str, list[JSON]] = {}
    for row in rows:
        groups.setdefault(plain(row.sentence or ""), []).append(_citation(row))
        for other in row.others:
            again = row.model_copy(update={"sentence": other.sentence, "support": other.support, "others": ()})
            groups.setdefault(plain(other.sentence), []).append(_citation(again))
    loose = groups.pop("", [])
    found: list[JSON] = [{"sentence": sentence, "works": works} for sentence, works in groups.items()]
    return found + ([{"sentence": None, "works": loose}] if loose else [])


def checks(run: Gathered) -> list[JSON]:
    """Return for each checked version, drafts and revisions, how its citations and numbers fared."""
    return [
        {
            "candidate": version.row.candidate,
            "round": version.row.round,
            "online": version.check.online,
            "citations": dict(Counter(c.status for c in version.check.citations)),
            "unresolved": list(version.check.unresolved),
            "numbers": dict(Counter(n.status for n in version.check.numbers)),
        }
        for version in run.versions
        if version.check is not None
    ]


def revisions(run: Gathered) -> list[JSON]:
    """Return for each round of revision whether it was taken, and how every point of the reviews ended."""
    found: list[JSON] = []
    for version in run.versions:
        if version.row.round < 1:
            continue
        points = [outcome for outcome in version.outcomes if outcome.round == version.row.round]
        listed: list[JSON] = [o.model_dump(mode="json", exclude={"round"}) for o in points]
        found.append({
            "candidate": version.row.candidate,
            "round": version.row.round,
            "status": version.row.status,
            "taken": version.row.selected,
            "counts": dict(Counter(o.end for o in points)),
            "points": listed,
        })  # fmt: skip
    return found
