"""One report for a queue: `queue.json` while it goes on, `report.md` and `report.json` for people and scripts."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peercycle.cli.endings import shown
from peercycle.cli.queue_state import STATE_FILE, tally

if TYPE_CHECKING:
    from peercycle.cli.screens import Launch
    from peercycle.cli.tasks import BadLine, QueuedTask
    from peercycle.graphs.many import Outcome

UNENDED = frozenset({"stopped", "waiting", "crashed", "failed", "not begun"})
"""What a resume of the queue goes on with."""

MACHINE_MADE = "Everything here was written, run and judged by machines; no person has checked it."


@dataclass(slots=True)
class QueueReport:
    """What is known of every task so far; written again after each change, so that a kill loses nothing."""

    path: Path
    source: str
    began_at: float
    rows: list[dict[str, Any]] = field(default_factory=list)
    _writing: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    """One task's end is written in a thread while another begins: without it, one takes the other's half-made file."""

    @classmethod
    def begin(
        cls, path: Path, source: Path, tasks: Sequence[QueuedTask], skipped: Sequence[BadLine] = ()
    ) -> QueueReport:
        """Begin the report of a queue whose folder is there. Raises `StoreError`."""
        rows: list[dict[str, Any]] = [
            {"line": each.line, "topic": each.task.topic, "status": "queued", "run_id": each.options.run_id}
            for each in tasks
        ]
        rows += [{"line": each.line, "topic": "", "status": "skipped", "message": each.message} for each in skipped]
        made = cls(path, str(source), time.time(), rows)
        made.write()
        return made

    @classmethod
    def reopen(cls, path: Path) -> QueueReport:
        """Return the report of a queue, each task as it stands now. Raises `DamagedRunError`."""
        from peercycle.cli.queue_state import read_state, standing_rows

        state = read_state(path)
        return cls(path, str(state.get("source", "")), float(state.get("began_at") or 0.0), standing_rows(path))

    def launched(self, index: int, launch: Launch) -> None:
        """Note that a task has its run."""
        row = {"status": "running", "run_id": launch.run_id, "path": str(launch.path)}
        kept = {name: value for name, value in self.rows[index].items() if name not in {"reason", "message"}}
        self._replace(index, kept | row)

    def ended(self, index: int, outcome: Outcome, failures: Sequence[str] = ()) -> None:
        """Note how a task ended, and which of its experiments failed."""
        from peercycle.cli.endings import score_line
        from peercycle.export.text import plain

        row: dict[str, Any]
        if outcome.result is None:
            row = {"status": "failed" if outcome.begun else "not begun", "message": outcome.error or ""}
        else:
            result = outcome.result
            row = {
                "run_id": result.run_id,
                "path": str(result.path),
                "status": result.status,
                "reason": result.reason,
                "message": result.message,
                "settled": result.settled,
                "rating": result.rating,
                "score": score_line(result.rated_by, result.rating),
                "title": plain(result.paper.title) if result.paper else None,
                "failed_experiments": list(failures),
                "candidates": len({version.candidate for version in result.candidates}),
                "rounds": result.rounds,
            }
        self._replace(index, self.rows[index] | row)

    def _replace(self, index: int, row: dict[str, Any]) -> None:
        # A new row, never the old one changed: it may be being written.
        self.rows[index] = row
        self.write()

    def write(self) -> None:
        """Write the state and both reports; from any thread. Raises `StoreError`."""
        from peercycle.store.disk import replace_file

        with self._writing:
            replace_file(self.path / STATE_FILE, self._body())
            self.write_reports()

    def write_reports(self) -> None:
        """Write both reports, and leave the state to whoever drives the queue. Raises `StoreError`."""
        from peercycle.store.disk import replace_file

        replace_file(self.path / "report.json", self._body())
        replace_file(self.path / "report.md", self.markdown().encode("utf-8", "replace"))

    def _body(self) -> bytes:
        return (json.dumps(self.data(), indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace")

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
        from peercycle.core.counting import counted

        lines = [
            f"# {self.path.name}",
            "",
            MACHINE_MADE,
            "",
            f"{counted(len(self.rows), 'task')} of `{self.source}`: {tally(self.rows)}.",
            "",
        ]
        if any(row["status"] in {"queued", "running"} for row in self.rows):
            lines += [
                f"This was written while the queue was going on: `peercycle status {shown(self.path)}` says how it "
                f"stands, and should it be dead, `peercycle resume {shown(self.path)}` goes on with it.",
                "",
            ]
        rows = sorted(self.rows, key=lambda row: int(row["line"]))
        lines += ["| line | topic | status | score | run |", "|---|---|---|---|---|"]
        lines += [_row(row) for row in rows]
        lines += _experiments(rows)
        lines += _next_steps(rows, self.path)
        return "\n".join(lines) + "\n"


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """Return 0 where all finished, 1 where one failed, 3 where some stopped, wait or were not begun."""
    statuses = {outcome.status for outcome in outcomes if outcome.begun}
    if statuses & {"failed", "crashed"}:
        return 1
    return 3 if statuses & {"stopped", "waiting"} or not all(outcome.begun for outcome in outcomes) else 0


def code_of(rows: Sequence[dict[str, Any]]) -> int:
    """Return the exit code of a queue whose tasks stand so."""
    statuses = {row["status"] for row in rows} - {"skipped", "finished"}
    return 1 if statuses & {"failed", "crashed", "unreadable"} else 3 if statuses else 0


def _row(row: dict[str, Any]) -> str:
    status = row["status"] + (f": {row['reason']}" if row.get("reason") else "")
    run = f"[{row['run_id']}](../{Path(row['path']).name}/report.md)" if row.get("path") else ""
    cells = (str(row["line"]), row["topic"], status, row.get("score") or "", run)
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"


def _experiments(rows: Sequence[dict[str, Any]]) -> list[str]:
    lines = [f"- line {row['line']}: {failure}" for row in rows for failure in row.get("failed_experiments") or ()]
    return ["", "## Experiments that failed", "", *lines] if lines else []


def _next_steps(rows: Sequence[dict[str, Any]], queue: Path) -> list[str]:
    from peercycle.core.runs import NO_USE_TO_RESUME, flag_to_raise

    lines: list[str] = []
    for row in rows:
        message = " ".join(str(row.get("message") or "").split())
        if row["status"] in {"stopped", "waiting", "crashed"}:
            why = f" ({message})" if message else ""
            resume = f"peercycle resume {shown(Path(row['path']))}{flag_to_raise(message)}"
            lines.append(f"- line {row['line']} {row['status']}{why}: `{resume}`")
        elif row["status"] in {"failed", "not begun", "skipped", "unreadable"}:
            settled = f"; {NO_USE_TO_RESUME}" if row.get("settled") else ""
            lines.append(f"- line {row['line']} {row['status']}: {message}{settled}")
    if any(row["status"] in UNENDED and not row.get("settled") for row in rows):
        lines.append(f"- all that has not ended: `peercycle resume {shown(queue)}`")
    return ["", "## What is left", "", *lines] if lines else []
