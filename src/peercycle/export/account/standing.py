"""How a run stands: its status and why, the time and means it took, what to do next."""

from __future__ import annotations

import shlex
from pathlib import Path

from peercycle.core.base import JSON
from peercycle.core.runs import RunStatus, SpendingLine
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
        "message": message,
        "created_at": run.record.created_at,
        "ended_at": ended,
        "last_event_at": last.at if last is not None else None,
        "last_stage": next((e.stage for e in reversed(run.events) if e.stage), None),
    }


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
        shown: JSON = {
            "stage": str(row["stage"]),
            "kind": str(row["kind"]),
            "effects": int(row["effects"]),
            "tokens": tokens,
            "sandbox_seconds": seconds,
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
    if terminal is None or terminal.status in {"stopped", "failed", "crashed"}:
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
    found.append(("extend", f"peercycle resume {where} --rounds {options.rounds + 2}", "adds two rounds of revision"))
    for line in _used_up(run):
        flag, limit = f"--max-{line.name.replace('_', '-')}", (line.limit or 0) * 2
        does = f"doubles the limit on {line.name.replace('_', ' ')}"
        found.append(("extend budget", f"peercycle resume {where} {flag} {limit:.10g}", does))
    found.append(
        (
            "replay",
            f"peercycle replay {where}",
            "repeats it from the journal, with model, network and sandbox refused",
        )
    )
    found.append(("report", f"peercycle report {where}", "writes this report anew"))
    return [{"what": what, "command": command, "does": does} for what, command, does in found]


def _used_up(run: Gathered) -> list[SpendingLine]:
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


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: `1 work`, `2 works`."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def next_steps(run: Gathered, state: RunStatus) -> list[str]:
    """Return what to do next, most urgent first; never empty."""
    steps = [*_by_state(run, state), *_by_paper(run)]
    if not steps:
        steps.append("Read the paper against its sources: no check here judges whether its argument holds.")
        steps.append("Have a reviewer that did not steer judge it: `--judge` names one.")
    return list(dict.fromkeys(steps))


def _by_state(run: Gathered, state: RunStatus) -> list[str]:
    where = shlex.quote(run.path)
    terminal = run.record.terminal
    if state == "waiting":
        return [f"Answer the open question: `peercycle answer {where}`."]
    if state == "crashed":
        return [f"Resume it: `peercycle resume {where}`. What was journalled is not repeated."]
    if state == "failed":
        return [f"Read the errors below, mend their cause, then `peercycle resume {where}`."]
    if terminal is not None and terminal.reason == "budget":
        named = ", ".join(line.name.replace("_", " ") for line in _used_up(run)) or "budget"
        return [f"Decide whether the gain so far is worth more {named}; if so, resume with a higher limit."]
    if terminal is not None and terminal.reason == "outage":
        return [f"When the service answers again: `peercycle resume {where}`."]
    if state == "stopped":
        return [f"Go on when it suits: `peercycle resume {where}`."]
    return []


def _by_paper(run: Gathered) -> list[str]:
    best = run.best
    if best is None:
        return ["No complete paper exists yet: see the candidates and the errors."]
    steps = []
    if best.check is not None:
        steps += [f"Mend in the paper: {fault}." for fault in best.check.faults[:10]]
        loose = sum(1 for n in best.check.numbers if n.status == "unbound")
        if loose:
            steps.append(
                f"Verify or remove the {counted(loose, 'number')} of the text that no measurement bears out."
            )
        if best.check.uncited:
            unused = ", ".join(best.check.uncited[:5]) + (", …" if len(best.check.uncited) > 5 else "")
            steps.append(f"Use or drop {counted(len(best.check.uncited), 'work')} that nothing cites: {unused}.")
    unmet = [o for o in run.outcomes if o.end == "failed"]
    steps += [f"Point {o.point} was not met ({o.reason or 'no reason recorded'}): {o.text}" for o in unmet[:10]]
    if best.assessment is not None:
        answered = {o.text for o in run.outcomes}
        fresh = [p for p in best.assessment.points if p.text not in answered]
        steps += [f"The latest review asks: {p.text}" for p in fresh[:8]]
    if best.results is None or best.results.mode == "off":
        why = best.results.reason if best.results is not None and best.results.reason else "none was run"
        steps.append(f"The paper has no experiment ({why}): `peercycle doctor` says what a sandbox needs here.")
    return steps
