"""The live table of a terminal: a line for each run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from peercycle.cli.output import duration, outlasting
from peercycle.cli.progress import Progress
from peercycle.cli.screens import Launch, event_text
from peercycle.cli.telling import Told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peercycle.core.events import RunEvent
    from peercycle.core.runs import SpendingLine
    from peercycle.graphs.result import RunResult

WORTH_A_LINE = frozenset(
    {
        "stage_failed",
        "export_failed",
        "component_failed",
        "outage",
        "outage_passed_over",
        "budget",
        "selected",
        "log",
        "draining",
    }
)
"""Events that stay on the screen above the table."""


class LiveScreen:
    """A table that is drawn again four times a second, and above it the lines that stay."""

    ends_with_done = False

    def __init__(self, *, many: bool = False, console: Console | None = None) -> None:
        self._many = many
        self._told = Told()
        self._console = console or Console(highlight=False)
        self._runs: dict[str, Progress] = {}
        self._live = Live(console=self._console, refresh_per_second=4, transient=True, get_renderable=self._table)

    def __enter__(self) -> LiveScreen:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        with outlasting():
            self._live.__exit__(None, None, None)

    def launched(self, launch: Launch) -> None:
        """Show the choices, and a line of the table."""
        for choice in launch.choices:
            self._keep(launch.run_id, choice)
        if launch.label and not self._many:
            self._keep(launch.run_id, f"run {launch.run_id} in {launch.path}: {launch.label}")
        self._runs[launch.run_id] = Progress(launch.run_id, launch.label)

    def event(self, event: RunEvent) -> None:
        """Bring the table up to date; what matters later stays above it."""
        self._runs.setdefault(event.run_id, Progress(event.run_id)).hear(event)
        if event.kind in WORTH_A_LINE and (shown := self._told.event(event)) is not None:
            self._keep(event.run_id, event_text(shown))

    def spending(self, run_id: str, lines: tuple[SpendingLine, ...]) -> None:
        """Show the tokens used so far."""
        if run_id in self._runs:
            self._runs[run_id].tokens = next((line.spent for line in lines if line.name == "tokens"), None)

    def score(self, run_id: str, rating: float | None) -> None:
        """Show the rating of the best version."""
        if run_id in self._runs:
            self._runs[run_id].rating = rating

    def done(self, result: RunResult, failures: Sequence[str] = ()) -> None:
        """Print the ending where the line was."""
        from peercycle.cli.endings import ending_lines

        self._runs.pop(result.run_id, None)
        shown, repeated = self._told.ending(result)
        for line in (*repeated, *ending_lines(shown, failures)):
            self._keep(result.run_id, line)

    def not_begun(self, line: int, topic: str, why: str) -> None:
        """Print why a task got no run."""
        self.note(f"line {line} ({topic}): {why}")

    def note(self, text: str, **_: Any) -> None:
        """Print the line above the table."""
        with outlasting():
            self._console.print(Text(text))

    def _keep(self, run_id: str, line: str) -> None:
        with outlasting():
            self._console.print(Text(f"[{run_id}] {line}" if self._many else line))

    def _table(self) -> Group | Table:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for head in ("run", "in hand", "idle", "tokens", "score"):
            table.add_column(head, no_wrap=head != "in hand")
        now = time.time()
        # A copy: rich draws in a thread of its own.
        for progress in list(self._runs.values()):
            idle = progress.idle(now)
            table.add_row(
                Text(progress.run_id),
                Text(progress.outage or progress.stages or progress.last_message or "starting"),
                "" if idle is None else duration(idle),
                "" if progress.tokens is None else f"{progress.tokens:,.0f}",
                "" if progress.rating is None else f"{progress.rating:.2f}",
            )
        return table if self._runs else Group()
