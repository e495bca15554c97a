"""What a screen has said of each run: an error is shown whole once, and what says the same again is counted."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from peercycle.core.passed_on import without_passed_on

if TYPE_CHECKING:
    from peercycle.core.events import RunEvent
    from peercycle.graphs.result import RunResult

ABOVE = "see above"
SHORTEST = 20
"""Characters of an error from which on pointing to it is shorter than to say it again."""
_REPEATED = frozenset({"outage_passed_over"})
"""Events that may come again and again, such as that of a source that is down for every question."""
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(slots=True)
class _OfRun:
    errors: list[str] = field(default_factory=list)
    times: dict[str, tuple[str, int]] = field(default_factory=dict)
    """A message and how often it came, by the message without its numbers."""

    def short(self, message: str) -> str:
        """Return a message that points to the errors which were shown whole."""
        return without_passed_on(message, self.errors, ABOVE)


class Told:
    """What was said of the runs that go on; a run is forgotten at its ending."""

    def __init__(self) -> None:
        self._runs: dict[str, _OfRun] = {}

    def event(self, event: RunEvent) -> RunEvent | None:
        """Return an event as it is to be shown; None where it says what was said before, but for its numbers."""
        run = self._runs.setdefault(event.run_id, _OfRun())
        if event.kind in _REPEATED or event.data.get("warning"):
            alike = _NUMBER.sub("#", event.message)
            message, times = run.times.get(alike, (event.message, 0))
            run.times[alike] = (message, times + 1)
            return None if times else event
        short = event if event.candidate else replace(event, message=run.short(event.message))
        if event.kind == "stage_failed":
            # The message is `TypeOfError: what it says`; only the latter is passed on, and pointed to where it was whole.
            error = short.message.partition(": ")[2]
            run.errors += [error] if len(error) >= SHORTEST else []
        return short

    def ending(self, result: RunResult) -> tuple[RunResult, list[str]]:
        """Return the end of a run as it is to be shown, and a line for each thing that came more than once."""
        run = self._runs.pop(result.run_id, _OfRun())
        lines = [f"{times} times: {' '.join(said.split())}" for said, times in run.times.values() if times > 1]
        if result.reason in {"error", "outage"}:
            # Others stay whole: a budget's end names the limit to raise.
            result = replace(result, message=run.short(result.message))
        return result, lines
