"""How queues stand, for `peercycle status`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from peercycle.cli.output import print_json, print_table, say, shortened


def queue_data(queue: Path) -> dict[str, Any]:
    """Return how a queue stands, for scripts. One that is damaged says so and hides no other."""
    from peercycle.cli.queue_state import read_state, standing_rows, status_of
    from peercycle.core.errors import PeercycleError

    about = {"queue": queue.name, "path": str(queue.absolute())}
    try:
        rows = standing_rows(queue)
        counts = dict(sorted(Counter(row["status"] for row in rows).items()))
        source = str(read_state(queue).get("source", ""))
        return {**about, "status": status_of(queue, rows), "source": source, "counts": counts, "tasks": rows}
    except PeercycleError as error:
        return {**about, "status": None, "error": str(error)}


def queue_row(data: dict[str, Any]) -> tuple[str, ...]:
    """Return a queue as a row of the table of runs."""
    if data["status"] is None:
        return (data["queue"], "unreadable", data["error"], "", "", "")
    counts = ", ".join(f"{number} {status}" for status, number in data["counts"].items())
    return (data["queue"], data["status"], counts, "", "", data["source"])


def print_queue(queue: Path, as_json: bool) -> None:
    """Print how a queue stands, task by task. Raises `DamagedRunError`."""
    from peercycle.cli.endings import shown
    from peercycle.core.errors import DamagedRunError

    data = queue_data(queue)
    if as_json:
        print_json(data)
        return
    if data["status"] is None:
        raise DamagedRunError(data["error"])
    _, status, counts, *_ = queue_row(data)
    say(f"queue {queue.name}: {status} ({counts}); tasks of {data['source']}")
    heads = ("line", "status", "run", "topic")
    print_table(
        heads, [(str(r["line"]), r["status"], r.get("run_id") or "", shortened(r["topic"])) for r in data["tasks"]]
    )
    left = [r for r in data["tasks"] if r["status"] not in {"finished", "skipped"} and not r.get("settled")]
    if status != "running" and left:
        say(f"go on with: peercycle resume {shown(queue)}")
