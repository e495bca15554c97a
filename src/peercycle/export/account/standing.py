"""How a run stands: its status and why, the means it took, its open questions, the commands that go on."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from peercycle.core.base import JSON
from peercycle.core.runs import RunStatus, SpendingLine, flag_to_raise
from peercycle.export.account.gathering import Gathered

_WHY = {
    "accepted": "the reviewer accepted the paper",
    "round_limit": "all rounds of revision were done",
    "no_gain": "revisions no longer raised the score",
    "budget": "the budget was used up",
    "drained": "a stop was asked for",
    "outage": "a service could not be reached",
    "error": "an error ended the run",
}


def status(run: Gathered, *, driven: bool) -> dict[str, JSON]:
    """Return the run's status, its reason and the sentence that explains it."""
    terminal = run.record.terminal
    if terminal is not None:
        state: RunStatus = terminal.status
        reason, message, ended = terminal.reason, terminal.message, terminal.at
        waiting = "a person was asked something and has not answered"
        why = waiting if state == "waiting" else _WHY.get(str(reason), "no reason was recorded")
    else:
        state, reason, message, ended = ("running" if driven else "crashed"), None, "", None
        why = "a driver is at work on it" if driven else "its driver died without writing how it ended"
    last = run.events[-1] if run.events else None
    return {
        "status": state,
        "reason": reason,
        "why": why,
        "message": _counted_once(message),
        "created_at": run.record.created_at,
        "ended_at": ended,
        "last_event_at": last.at if last is not None else None,
        "last_stage": next((e.stage for e in reversed(run.events) if e.stage), None),
    }


_PLURAL = re.compile(r"\b([0-9]+) (\w+)\(s\)")


def _counted_once(message: str) -> str:
    """Return a message with `1 round` for `1 round(s)`, and without its full stop."""
    return _PLURAL.sub(lambda m: f"{m[1]} {m[2]}{'' if m[1] == '1' else 's'}", message).rstrip(". ")


def spending(run: Gathered) -> list[JSON]:
    """Return what was used of each limit; an unknown price is None."""
    return [
        {
            "name": line.name,
            "limit": line.limit,
            "spent": line.spent,
            "reserved": line.reserved,
            "share": line.spent / line.limit if line.limit and line.spent is not None else None,
        }
        for line in run.spending
    ]


def spending_by_stage(run: Gathered) -> list[JSON]:
    """Return what each stage used, most costly first: tokens, seconds in the sandbox, effects."""
    found: list[tuple[int, float, JSON]] = []
    for row in run.stages:
        tokens, seconds = int(row["prompt_tokens"]) + int(row["completion_tokens"]), float(row["sandbox_seconds"])
        # A run of an earlier version has no such column.
        engine = float(row.get("engine_seconds", 0.0))
        shown: JSON = {
            "stage": str(row["stage"]),
            "kind": str(row["kind"]),
            "effects": int(row["effects"]),
            "tokens": tokens,
            "sandbox_seconds": seconds,
            "engine_seconds": engine,
        }
        found.append((tokens, seconds, shown))
    return [shown for _, _, shown in sorted(found, key=lambda entry: entry[:2], reverse=True)]


def spent(run: Gathered, name: str) -> float | None:
    """Return what was spent under a limit's name; None where it is unknown."""
    return next((line.spent for line in run.spending if line.name == name), None)


def commands(run: Gathered) -> list[JSON]:
    """Return the commands that go on from here, ready to be typed."""
    where = shlex.quote(str(Path(run.path)))
    options = run.record.options
    terminal = run.record.terminal
    found = []
    unended = terminal is None or terminal.status in {"stopped", "failed", "crashed"}
    in_vain = terminal is not None and (terminal.settled or flag_to_raise(terminal.message))
    if unended and not in_vain:
        found.append(
            ("resume", f"peercycle resume {where}", "goes on where it ended; nothing that was paid for is repeated")
        )
    for question in run.questions:
        if not question.answered:
            found.append(
                (
                    "answer",
                    f"peercycle answer {where} ANSWER --question {shlex.quote(question.id)}",
                    "answers the open question",
                )
            )
    settled = terminal is not None and terminal.settled
    if not settled:
        found.append(
            ("extend", f"peercycle resume {where} --rounds {options.rounds + 2}", "adds two rounds of revision")
        )
    for line in () if settled else used_up(run):
        flag, limit = f"--max-{line.name.replace('_', '-')}", (line.limit or 0) * 2
        does = f"doubles the limit on {line.name.replace('_', ' ')}"
        found.append(("extend budget", f"peercycle resume {where} {flag} {limit:.10g}", does))
    if terminal is not None and terminal.status not in {"stopped", "waiting"}:
        does = "repeats it from the journal, with model, network and sandbox refused"
        found.append(("replay", f"peercycle replay {where}", does))
    found.append(("report", f"peercycle report {where}", "writes this report anew"))
    return [{"what": what, "command": command, "does": does} for what, command, does in found]


def used_up(run: Gathered) -> list[SpendingLine]:
    """Return the limits that are nearly used up, or that the run's end names."""
    terminal = run.record.terminal
    said = terminal.message if terminal is not None and terminal.reason == "budget" else ""
    return [
        line
        for line in run.spending
        if line.limit and ((line.spent or 0) + line.reserved >= 0.9 * line.limit or f"budget of {line.name}" in said)
    ]


def open_questions(run: Gathered) -> list[JSON]:
    """Return what people were asked, and what the reviews and the paper leave open."""
    found: list[JSON] = [
        {
            "from": "the run",
            "id": q.id,
            "text": q.question,
            "answered": q.answered,
            "answer": q.answer if q.answered else None,
        }
        for q in run.questions
    ]
    best = run.best
    if best is not None and best.assessment is not None:
        asked = [*best.assessment.questions, *(q for review in best.assessment.reviews for q in review.questions)]
        found += [
            {"from": "the reviews", "id": None, "text": text, "answered": False, "answer": None}
            for text in dict.fromkeys(asked)
        ]
    return found
