"""One report for a queue: `queue.json` while it goes on, `report.md` and `report.json` for people and scripts."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peercycle.cli.screens import Launch
    from peercycle.cli.tasks import QueuedTask
    from peercycle.graphs.many import Outcome

STATE_FILE = "queue.json"
MACHINE_MADE = "Everything here was written, run and judged by machines; no person has checked it."


@dataclass(slots=True)
class QueueReport:
    """What is known of every task so far; written again after each change, so that a kill loses nothing."""

    path: Path
    source: str
    began_at: float
    rows: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def begin(cls, runs_dir: Path, name: str, source: Path, tasks: Sequence[QueuedTask]) -> QueueReport:
        """Make the queue's folder. Raises `StoreError`."""
        from peercycle.core.errors import StoreError

        path = runs_dir / name
        rows = [{"line": each.line, "topic": each.task.topic, "status": "queued"} for each in tasks]
        made = cls(path, str(source), time.time(), rows)
        try:
            path.mkdir(parents=True, mode=0o700)
        except OSError as error:
            raise StoreError(f"cannot make {str(path)!r}: {error.strerror}; give another with --runs-dir") from None
        made.write()
        return made

    def launched(self, index: int, launch: Launch) -> None:
        """Note that a task has its run."""
        self.rows[index] |= {"status": "running", "run_id": launch.run_id, "path": str(launch.path)}
        self.write()

    def ended(self, outcome: Outcome) -> None:
        """Note how a task ended."""
        from peercycle.cli.endings import score_line

        row = self.rows[outcome.index]
        if outcome.result is None:
            row |= {"status": "failed" if outcome.begun else "not begun", "message": outcome.error or ""}
        else:
            result = outcome.result
            row |= {
                "run_id": result.run_id,
                "path": str(result.path),
                "status": result.status,
                "reason": result.reason,
                "message": result.message,
                "rating": result.rating,
                "score": score_line(result.assessment, result.rating),
                "title": result.paper.title if result.paper else None,
                "candidates": len({version.candidate for version in result.candidates}),
                "rounds": result.rounds,
            }
        self.write()

    def write(self) -> None:
        """Write the state and both reports. Raises `StoreError`."""
        from peercycle.store.disk import disk_errors, replace_file

        body = json.dumps(self.data(), indent=2, ensure_ascii=False) + "\n"
        with disk_errors("write the report in", self.path):
            replace_file(self.path / STATE_FILE, body.encode("utf-8", "replace"))
            replace_file(self.path / "report.json", body.encode("utf-8", "replace"))
            replace_file(self.path / "report.md", self.markdown().encode("utf-8", "replace"))

    def data(self) -> dict[str, Any]:
        """Return the report as JSON."""
        counts = Counter(row["status"] for row in self.rows)
        return {
            "schema_version": 1,
            "queue": self.path.name,
            "source": self.source,
            "began_at": self.began_at,
            "written_at": time.time(),
            "machine_made": MACHINE_MADE,
            "counts": dict(sorted(counts.items())),
            "tasks": self.rows,
        }

    def markdown(self) -> str:
        """Return the report for people."""
        counts = Counter(row["status"] for row in self.rows)
        summary = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
        lines = [
            f"# {self.path.name}",
            "",
            MACHINE_MADE,
            "",
            f"{len(self.rows)} tasks of `{self.source}`: {summary}.",
            "",
        ]
        lines += ["| line | topic | status | score | run |", "|---|---|---|---|---|"]
        lines += [_row(row) for row in self.rows]
        lines += _next_steps(self.rows)
        return "\n".join(lines) + "\n"


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """Return 0 where all finished, 1 where one failed, 3 where some stopped, wait or were not begun."""
    statuses = {outcome.status for outcome in outcomes if outcome.begun}
    if statuses & {"failed", "crashed"}:
        return 1
    return 3 if statuses & {"stopped", "waiting"} or not all(outcome.begun for outcome in outcomes) else 0


def _row(row: dict[str, Any]) -> str:
    status = row["status"] + (f": {row['reason']}" if row.get("reason") else "")
    run = f"[{row['run_id']}](../{Path(row['path']).name}/report.md)" if row.get("run_id") else ""
    cells = (str(row["line"]), row["topic"], status, row.get("score") or "", run)
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"


def _next_steps(rows: Sequence[dict[str, Any]]) -> list[str]:
    lines: list[str] = []
    for row in rows:
        if row["status"] in {"stopped", "waiting"}:
            lines.append(f"- line {row['line']} {row['status']} ({row['message']}): `peercycle resume {row['path']}`")
        elif row["status"] in {"failed", "not begun"}:
            lines.append(f"- line {row['line']} {row['status']}: {row['message']}")
    return ["", "## What is left", "", *lines] if lines else []
