"""An error is shown whole where it happened; what only passes it on afterwards says where to look."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peercycle.core.events import RunEvent
    from peercycle.graphs.result import RunResult

ABOVE = "see above"


class Told:
    """The errors that a screen has shown of each run."""

    def __init__(self) -> None:
        self._errors: dict[str, list[str]] = {}

    def event(self, event: RunEvent) -> RunEvent:
        """Return an event as it is to be shown, and remember the error that it tells of."""
        short = event if event.candidate else replace(event, message=self._short(event.run_id, event.message))
        if event.kind == "stage_failed":
            # The message is `TypeOfError: what it says`; only the latter is passed on.
            self._errors.setdefault(event.run_id, []).append(event.message.partition(": ")[2])
        return short

    def ending(self, result: RunResult) -> RunResult:
        """Return the end of a run as it is to be shown."""
        if result.reason not in {"error", "outage"}:
            # A budget's end names the limit to raise.
            return result
        return replace(result, message=self._short(result.run_id, result.message))

    def _short(self, run_id: str, message: str) -> str:
        for error in filter(None, self._errors.get(run_id, ())):
            if message.startswith(error):
                return ABOVE + message.removeprefix(error)
            message = message.replace(f": {error}", f": {ABOVE}")
        return message
