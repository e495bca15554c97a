"""What must hold after a kill and a resume; each breach is a line, and no line is a pass."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.graphs.crash import snapshot
from tests.graphs.crash.snapshot import Snapshot

PLACE = "candidate, stage, visit, kind, request_sha256, occurrence"


def breaches(run: Path, undisturbed: Snapshot, lives: Sequence[Sequence[str]], *, repeats: bool = False) -> list[str]:
    """Return what a run that was killed and resumed lost, doubled or did again.

    `lives`: what happened in each process that drove the run, the finishing one last. `repeats` allows that
    LangGraph runs a finished stage again, which the journal must make harmless.
    """
    return [
        *undisturbed.differences(snapshot.take(run)),
        *_effects_once(run, lives),
        *_spending(run),
        *([] if repeats else _stages_once(lives)),
        *_files(run),
    ]


def _effects_once(run: Path, lives: Sequence[Sequence[str]]) -> list[str]:
    """A settled effect is never done again; one in flight at a kill is, once a kill, as a further attempt."""
    found: list[str] = []
    settled: set[str] = set()
    ran: Counter[str] = Counter()
    for life in lives:
        for line in life:
            what, _, name = line.partition(" ")
            if what == "ran":
                ran[name] += 1
                if name in settled:
                    found.append(f"{name} was settled and is done again")
            elif what == "settled":
                settled.add(name)
    attempts = {
        _name(row): int(row["attempts"]) for row in snapshot.table(run, f"SELECT {PLACE}, attempts FROM effects")
    }
    for name, times in ran.items():
        if times > attempts.get(name, 0):
            found.append(f"{name} ran {times} times, and the journal counts {attempts.get(name, 0)} attempts")
    kills = len(lives) - 1
    found += [f"{name} has {n} attempts after {kills} kill(s)" for name, n in attempts.items() if n > kills + 1]
    found += [f"{name} is journalled and never ran" for name in attempts if not ran[name]]
    return found


def _name(row: dict[str, object]) -> str:
    digest = str(row["request_sha256"])[:10]
    return (
        f"effect {row['candidate'] or '-'}/{row['stage']}/{row['visit']}/{row['kind']}/{digest}/{row['occurrence']}"
    )


def _stages_once(lives: Sequence[Sequence[str]]) -> list[str]:
    """A stage is begun again only where it was the last one of its candidate when the process died."""
    found: list[str] = []
    done: set[str] = set()
    for life in lives:
        last: dict[str, str] = {}
        for line in life:
            what, _, name = line.partition(" ")
            if what != "begun":
                continue
            candidate = name.split()[1].partition("/")[0]
            if name in done:
                found.append(f"{name} was finished and is begun again")
            if (before := last.get(candidate)) is not None and before != name:
                done.add(before)
            last[candidate] = name
    return found


def _spending(run: Path) -> list[str]:
    found = [
        f"reserved still: {row}" for row in snapshot.table(run, "SELECT * FROM spending WHERE state = 'reserved'")
    ]
    counted = snapshot.table(
        run,
        "SELECT effect_id, attempts, (SELECT COUNT(*) FROM spending s WHERE s.effect_id = e.effect_id) AS rows, "
        "(SELECT SUM(state = 'settled') FROM spending s WHERE s.effect_id = e.effect_id) AS settled, "
        "(SELECT SUM(state = 'lost') FROM spending s WHERE s.effect_id = e.effect_id) AS lost FROM effects e",
    )
    found += [
        f"attempts and spending disagree: {row}"
        for row in counted
        if (row["rows"], row["settled"], row["lost"]) != (row["attempts"], 1, row["attempts"] - 1)
    ]
    (totals,) = snapshot.table(
        run,
        "SELECT tokens_spent - (SELECT TOTAL(prompt_tokens + completion_tokens) FROM spending) AS tokens, "
        "model_calls_spent - (SELECT TOTAL(model_calls) FROM spending) AS calls, "
        "sandbox_seconds_spent - (SELECT TOTAL(sandbox_seconds) FROM spending) AS seconds FROM runs",
    )
    return found + [f"the run's total of {name} is off by {off}" for name, off in totals.items() if abs(off) > 1e-6]


def _files(run: Path) -> list[str]:
    found = [f"left behind: {path.relative_to(run)}" for path in run.rglob("*.tmp")]
    found += [f"left behind: {path.relative_to(run)}" for path in (run / "artifacts").glob("tmp/*")]
    for row in snapshot.table(run, "SELECT DISTINCT ref FROM artifacts"):
        digits = str(row["ref"]).removeprefix("sha256:")
        body = run / "artifacts" / digits[:2] / digits
        if not body.is_file() or hashlib.sha256(body.read_bytes()).hexdigest() != digits:
            found.append(f"artefact {digits[:10]} is not what its name says")
    report = run / "report.json"
    terminal = json.loads((run / "run.json").read_text(encoding="utf-8"))["terminal"] or {}
    if not report.is_file() or json.loads(report.read_text(encoding="utf-8")).get("at") != terminal.get("at"):
        found.append("report.json is not that of the ending")
    return found
