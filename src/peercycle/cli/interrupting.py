"""What Ctrl-C means is said at once: the first lets the stages in hand end, the second ends everything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peercycle.cli.screens import Screen
    from peercycle.core.runs import EndReason
    from peercycle.graphs.signals import Drainable

STOPPING = "stopping: the stages in hand end first; Ctrl-C again ends at once (resume goes on with it)"


class Interrupted(Exception):  # noqa: N818 - no error: what a person asked for
    """A second Ctrl-C ended everything at once; the message says how to go on."""


class Announcer:
    """Hears of a signal as a run does, and tells whoever watches."""

    def __init__(self, screen: Screen, run: Drainable | None = None) -> None:
        self._screen = screen
        self._run = run
        self._told = False

    def drain(self, reason: EndReason, message: str) -> None:
        """Say what happens now, once."""
        if not self._told:
            self._told = True
            self._screen.note(STOPPING)
        if self._run is not None:
            # The driver does so as well, but not in its first moments.
            self._run.drain(reason, message)


@contextmanager
def announcing(announcer: Announcer) -> Iterator[None]:
    """Tell of a signal while runs are driven."""
    from peercycle.graphs.signals import draining_on_signals

    with draining_on_signals(announcer):
        yield
