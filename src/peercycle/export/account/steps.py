"""What to do next, most urgent first."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from peercycle.core.counting import counted
from peercycle.core.reviews import ReviewPoint
from peercycle.core.runs import NO_USE_TO_RESUME
from peercycle.core.sameness import Works
from peercycle.export.account.experimenting import failed_experiments, lacks_sandbox, why_none
from peercycle.export.account.gathering import Gathered, Version
from peercycle.export.account.standing import used_up


def next_steps(run: Gathered, state: str) -> list[str]:
    """Return what to do next, most urgent first; never empty."""
    failed = [f"Mend {line}" for line in failed_experiments(run)]
    steps = [*_by_state(run, state), *failed, *_by_paper(run)]
    if not steps:
        steps.append("Read the paper against its sources: no check here judges whether its argument holds.")
        steps.append("Have a reviewer that did not steer judge it: `--judge` names one.")
    return list(dict.fromkeys(steps))


def _by_state(run: Gathered, state: str) -> list[str]:
    where = shlex.quote(run.path)
    terminal = run.record.terminal
    if state == "waiting":
        return [f"Answer the open question: `peercycle answer {where}`."]
    if state == "crashed":
        return [f"Resume it: `peercycle resume {where}`. What was journalled is not repeated."]
    if terminal is not None and terminal.settled:
        return [f"Read the errors below: {NO_USE_TO_RESUME}."]
    if state == "failed":
        return [f"Read the errors below, mend their cause, then `peercycle resume {where}`."]
    if terminal is not None and terminal.reason == "budget":
        named = ", ".join(line.name.replace("_", " ") for line in used_up(run)) or "budget"
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
        unused = _unused(best, best.check.uncited)
        if unused:
            named = ", ".join(unused[:5]) + (", …" if len(unused) > 5 else "")
            steps.append(f"Use or drop {counted(len(unused), 'work')} that nothing cites: {named}.")
    steps += _open_points(run, best)
    if best.results is None or not best.results.executions:
        steps.append(f"The paper has no experiment: {why_none(best, run)}." + _enabling(run))
    return steps


def _unused(best: Version, uncited: Sequence[str]) -> list[str]:
    """Return the keys that nothing cites, without further entries of a work that is cited or named already."""
    entries = best.bibliography.entries if best.bibliography is not None else ()
    known = Works(entry for entry in entries if entry.key not in set(uncited))
    kept: list[str] = []
    for key in uncited:
        entry = next((entry for entry in entries if entry.key == key), None)
        if entry is not None and known.find(entry) is not None:
            continue
        kept.append(key)
        if entry is not None:
            known.add(entry)
    return kept


def _enabling(run: Gathered) -> str:
    return " `peercycle doctor` says what a sandbox needs here." if lacks_sandbox(run) else ""


def _open_points(run: Gathered, best: Version) -> list[str]:
    """Return what the reviews leave open in the best version, and what became of each point since."""
    unmet = [o for o in best.outcomes if o.end == "failed"]
    steps = [f"Point {o.point} was not met ({o.reason or 'no reason recorded'}): {o.text}" for o in unmet[:10]]
    if best.assessment is None:
        return steps
    told = {o.text for o in unmet}
    points = [p for p in best.assessment.points if p.text not in told]
    steps += [f"The latest review asks: {p.text}{_since(run, best, p)}" for p in points[:8]]
    named = {p.check for p in best.assessment.points}
    failing = [c for r in best.assessment.reviews for c in r.checks if c.passed is False and c.name not in named]
    return steps + [
        f"A check does not hold, `{c.name}`{': ' + c.evidence if c.evidence else ''}" for c in failing[:8]
    ]


def _since(run: Gathered, best: Version, point: ReviewPoint) -> str:
    """Return what revisions did about a point that is open, in brackets; nothing where none took it up."""
    kept = [o for o in best.outcomes if o.text == point.text]
    lost = [o for v in run.versions if v.row.round > best.row.round for o in v.outcomes if o.text == point.text]
    lost = [o for o in lost if o.round > best.row.round]
    if lost and lost[-1].end == "done":
        return f" (answered in round {lost[-1].round}, but that revision was thrown away: it did not score above the best)"
    declined = [o for o in (*kept, *lost) if o.end == "declined"]
    if declined:
        return f" (declined in round {declined[-1].round}: {declined[-1].reason or 'no reason recorded'})"
    return f" (answered in round {kept[-1].round}; the review after it asks again)" if kept else ""
