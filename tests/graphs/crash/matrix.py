"""The matrix: a server of children, the undisturbed run, and one attempt at each point."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.graphs.crash import snapshot, verdict
from tests.graphs.crash.snapshot import Snapshot

REPOSITORY = Path(__file__).resolve().parents[3]
KILLED = 9


@dataclass(frozen=True, slots=True)
class Point:
    """A named point of a run, and which coming-by is meant."""

    name: str
    occurrence: int

    @property
    def group(self) -> str:
        """The point without what sets like ones apart: candidate, hash, number."""
        name = re.sub(r" c\d+/", " c/", self.name)
        name = re.sub(r"/[0-9a-f]{10}/\d+", "", name)
        name = re.sub(r"(artefact) [0-9a-f]{10} .*? (before|after)", r"\1 \2", name)
        name = re.sub(r"artifacts/[0-9a-f]{2}/[0-9a-f]{64}", "artifacts/body", name)
        name = re.sub(r"artifacts/[0-9a-f]{2} ", "artifacts/folder ", name)
        return re.sub(r"step -?\d+", "step", name) + (f" {self.occurrence}" if "run.json" in name else "")


@dataclass(slots=True)
class Crashes:
    """Starts attempts in forked children, and says what came of them."""

    server: subprocess.Popen[str]
    room: Path
    sandbox_problem: str | None
    _numbers: int = 0
    _undisturbed: dict[str, tuple[Snapshot, list[Point]]] = field(default_factory=dict)

    def new_run(self) -> Path:
        """Return the place of a run to be, in a folder of its own."""
        self._numbers += 1
        folder = self.room / f"a{self._numbers}"
        folder.mkdir()
        return folder / "run"

    def attempt(self, run: Path, **wanted: Any) -> dict[str, Any]:
        """Let a child start or resume a run; return how it ended."""
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        print(json.dumps({"run": str(run), **wanted}), file=self.server.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self.server.stdout.readline())
        return answer

    def undisturbed(self, *, sandbox: bool, **options: Any) -> tuple[Snapshot, list[Point]]:
        """Return what a run leaves that nothing disturbs, and the points it came by."""
        key = json.dumps([sandbox, options], sort_keys=True)
        if key not in self._undisturbed:
            run = self.new_run()
            points = self.points_of(run, sandbox=sandbox, options=options)
            self._undisturbed[key] = snapshot.take(run), points
        return self._undisturbed[key]

    def points_of(self, run: Path, **wanted: Any) -> list[Point]:
        """Let a child finish a run; return the points that it came by."""
        record = run.parent / "points"
        ended = self.attempt(run, record=str(record), **wanted)
        assert ended.get("ended", {}).get("status") == "finished", ended
        lines = [line.rpartition("\t") for line in record.read_text(encoding="utf-8").splitlines()]
        return [Point(name, int(number)) for name, _, number in lines]

    def happened(self, run: Path) -> list[str]:
        """Return what happened so far, a line each."""
        log = run.parent / "happened"
        return log.read_text(encoding="utf-8").splitlines() if log.exists() else []

    def kill(self, run: Path, point: Point, **wanted: Any) -> list[str]:
        """Let a child die at a point; return the breaches: it did not die of it, or left processes."""
        died = self.attempt(run, at=point.name, occurrence=point.occurrence, **wanted)
        if died["signal"] != KILLED:
            return [f"the child did not die of signal 9: {died}"]
        return [f"left alive: {line}" for line in died["left"]]

    def finish(self, run: Path, **wanted: Any) -> list[str]:
        """Resume to the end; return the breaches: it did not end as finished."""
        ended = self.attempt(run, **wanted)
        found = [f"left alive: {line}" for line in ended["left"]]
        return found if ended.get("ended", {}).get("status") == "finished" else [*found, f"did not finish: {ended}"]

    def kill_and_resume(self, *points: Point, sandbox: bool, repeats: bool = False, **wanted: Any) -> list[str]:
        """Kill at each point in turn, resume, and return every breach; none is what the matrix is for."""
        run = self.new_run()
        undisturbed, _ = self.undisturbed(sandbox=sandbox)
        found: list[str] = []
        lives: list[list[str]] = []
        for point in points:
            found += self.kill(run, point, sandbox=sandbox, **wanted)
            lives.append(self.happened(run)[sum(map(len, lives)) :])
        found += self.finish(run, sandbox=sandbox, **wanted)
        lives.append(self.happened(run)[sum(map(len, lives)) :])
        if not (run / "run.json").exists():
            return [*found, "there is no run"]
        found += [f"left behind: {path.name}" for path in run.parent.glob(".new-*")]
        return found + verdict.breaches(run, undisturbed, lives, repeats=repeats)


def start_server(room: Path) -> Crashes:
    """Start the process that forks the children."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.graphs.crash.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    assert server.stdout is not None
    hello = json.loads(server.stdout.readline())
    return Crashes(server, room, hello["sandbox_problem"])


def one_of_each(points: Sequence[Point], seed: int = 0) -> list[Point]:
    """Return one point of each group, chosen by the seed."""
    rng = random.Random(seed)
    groups: dict[str, list[Point]] = {}
    for point in points:
        if steady(point):
            groups.setdefault(point.group, []).append(point)
    return [rng.choice(group) for group in groups.values()]


def steady(point: Point) -> bool:
    """Whether every run comes by.

    Of equal bodies stored by two candidates at once, chance writes one or both. What a task wrote is committed by
    itself only where the checkpoint that follows on it is late.
    """
    if point.name.startswith("writes") and point.name.endswith("inside"):
        return False
    return "artifacts" not in point.name or point.occurrence == 1 or ("aside" in point.name and point.occurrence < 15)


def share(points: Sequence[Point], number: int, of: int) -> list[Point]:
    """Return the share of one test: every `of`-th point from `number` on."""
    return list(points[number::of])


def report(results: dict[Point, list[str]]) -> str:
    """Return the breaches by point."""
    return "\n".join(
        f"{p.name} #{p.occurrence}: {'; '.join(line[:400] for line in found)}"
        for p, found in results.items()
        if found
    )


def needs_sandbox(point: Point) -> bool:
    """Whether a point lies in or at an experiment."""
    return "sandbox" in point.name or "experiment" in point.name or "save_executions" in point.name


__all__ = [
    "Crashes",
    "Point",
    "needs_sandbox",
    "one_of_each",
    "report",
    "share",
    "start_server",
    "steady",
]
