"""Events that say the same again and again, such as a source that is down for every question: said once, and counted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peercycle.core.events import RunEvent

_KINDS = frozenset({"outage_passed_over"})
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


class Repeats:
    """What was said already, by run."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], tuple[str, int]] = {}

    def is_one(self, event: RunEvent) -> bool:
        """Count an event, and tell whether it says what was said before, but for its numbers."""
        if event.kind not in _KINDS:
            return False
        key = (event.run_id, _NUMBER.sub("#", event.message))
        message, times = self._said.get(key, (event.message, 0))
        self._said[key] = (message, times + 1)
        return times > 0

    def take(self, run_id: str) -> list[str]:
        """Return a line for each thing that was said more than once in a run, and forget the run."""
        mine = [key for key in self._said if key[0] == run_id]
        counts = [self._said.pop(key) for key in mine]
        return [f"{times} times: {' '.join(message.split())}" for message, times in counts if times > 1]
