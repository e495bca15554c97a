"""What is shown while runs are driven: JSON lines, plain lines in a pipe, a live table on a terminal.

A reader that leaves (`| head -1`) ends no run: the exit code still says how it ended.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from peercycle.cli.following import Listener
from peercycle.cli.output import json_line, on_terminal, say_on
from peercycle.cli.telling import Told

if TYPE_CHECKING:
    from peercycle.core.events import RunEvent
    from peercycle.core.runs import SpendingLine
    from peercycle.graphs.result import RunResult

QUIET = frozenset({"launched"})
"""Events that are said otherwise."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A run that has begun."""

    run_id: str
    path: Path
    choices: tuple[str, ...]
    label: str = ""
    pid: int = 0
    resumed: bool = False

    @property
    def line(self) -> dict[str, Any]:
        """The launch record of `--json`."""
        return {
            "event": "launch",
            "run_id": self.run_id,
            "path": str(self.path.absolute()),
            "pid": self.pid or os.getpid(),
        }


class Screen(Listener, Protocol):
    """Where a run's progress goes."""

    ends_with_done: bool
    """Whether nothing may follow the last done record: scripts wait for it."""

    def __enter__(self) -> Screen: ...

    def __exit__(self, *_: object) -> None: ...

    def launched(self, launch: Launch) -> None:
        """A run has begun."""
        ...

    def done(self, result: RunResult, failures: Sequence[str] = ()) -> None:
        """It ended; `failures` names the experiments that failed."""
        ...

    def not_begun(self, line: int, topic: str, why: str) -> None:
        """A task of a queue got no run."""
        ...

    def note(self, text: str, **data: Any) -> None:
        """Something that belongs to no run."""
        ...


def choose_screen(as_json: bool, *, many: bool = False) -> Screen:
    """Return the screen that fits standard output."""
    if as_json:
        return JsonScreen()
    if on_terminal():
        from peercycle.cli.live import LiveScreen

        return LiveScreen(many=many)
    return PlainScreen(many=many)


def done_line(result: RunResult) -> dict[str, Any]:
    """Return the done record of `--json`."""
    return {
        "event": "done",
        "run_id": result.run_id,
        "path": str(result.path.absolute()),
        "status": result.status,
        "reason": result.reason,
        "rating": result.rating,
        "candidates": len({row.candidate for row in result.candidates}),
        "rounds": result.rounds,
        **({"best_of_n": [point.model_dump() for point in result.curve]} if result.curve else {}),
    }


def event_line(event: RunEvent) -> dict[str, Any]:
    """Return a log line for `--json`."""
    line: dict[str, Any] = {"event": event.kind, "run_id": event.run_id, "at": event.at}
    named = {"candidate": event.candidate, "stage": event.stage, "visit": event.visit, "message": event.message}
    return {
        **line,
        **{key: value for key, value in named.items() if value},
        **({"data": dict(event.data)} if event.data else {}),
    }


def event_text(event: RunEvent) -> str:
    """Return a log line for people."""
    place = " ".join(part for part in (event.candidate, event.stage) if part)
    again = f" (visit {event.visit})" if event.visit > 1 else ""
    seconds = event.data.get("seconds")
    took = f" after {seconds:.1f} s" if isinstance(seconds, int | float) else ""
    kind = event.kind.removeprefix("stage_").replace("_", " ")
    message = " ".join(event.message.split())
    if event.kind == "log":
        return f"{place}{again}: {message}" if place else message
    return f"{place}{again} {kind}{took}".strip() + (f": {message}" if message else "")


class JsonScreen:
    """JSON lines, and nothing else."""

    ends_with_done = True

    def __enter__(self) -> JsonScreen:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def launched(self, launch: Launch) -> None:
        """Print the launch record."""
        say_on(json_line(launch.line))

    def event(self, event: RunEvent) -> None:
        """Print the line as JSON."""
        if event.kind not in QUIET:
            say_on(json_line(event_line(event)))

    def spending(self, run_id: str, lines: tuple[SpendingLine, ...]) -> None:
        """Print nothing: `status --json` has it."""

    def score(self, run_id: str, rating: float | None) -> None:
        """Print nothing: the done record has it."""

    def done(self, result: RunResult, failures: Sequence[str] = ()) -> None:
        """Print the experiments that failed, and the done record."""
        for failure in failures:
            say_on(json_line({"event": "experiment_failed", "run_id": result.run_id, "message": failure}))
        say_on(json_line(done_line(result)))

    def not_begun(self, line: int, topic: str, why: str) -> None:
        """Print a record of a task without a run."""
        say_on(json_line({"event": "error", "line": line, "topic": topic, "message": why}))

    def note(self, text: str, **data: Any) -> None:
        """Print a record that belongs to no run."""
        say_on(json_line({"event": "note", "message": text, **data}))


class PlainScreen:
    """One line for each event."""

    ends_with_done = False

    def __init__(self, *, many: bool = False) -> None:
        self._many = many
        self._told = Told()

    def __enter__(self) -> PlainScreen:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def launched(self, launch: Launch) -> None:
        """Print the choices that were made, the first of them what policy was taken, then where the run is."""
        for choice in launch.choices:
            say_on(self._of(launch.run_id) + choice)
        begins = "going on with run" if launch.resumed else "run"
        where = f"{begins} {launch.run_id} in {launch.path}"
        say_on(self._of(launch.run_id) + where + (f": {launch.label}" if launch.label else ""))

    def event(self, event: RunEvent) -> None:
        """Print the event, unless it says the same again."""
        if event.kind not in QUIET and (shown := self._told.event(event)) is not None:
            say_on(self._of(event.run_id) + event_text(shown))

    def spending(self, run_id: str, lines: tuple[SpendingLine, ...]) -> None:
        """Print nothing: the report has it."""

    def score(self, run_id: str, rating: float | None) -> None:
        """Print nothing: the event that selected the version says so."""

    def done(self, result: RunResult, failures: Sequence[str] = ()) -> None:
        """Print the ending."""
        from peercycle.cli.endings import ending_lines

        shown, repeated = self._told.ending(result)
        for line in (*repeated, *ending_lines(shown, failures)):
            say_on(self._of(result.run_id) + line)

    def not_begun(self, line: int, topic: str, why: str) -> None:
        """Print why a task got no run."""
        say_on(f"line {line} ({topic}): {why}")

    def note(self, text: str, **_: Any) -> None:
        """Print the line."""
        say_on(text)

    def _of(self, run_id: str) -> str:
        return f"[{run_id}] " if self._many else ""
