"""What Ctrl-C means is said at once: the first lets the stages in hand end, the second ends everything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peercycle.cli.screens import Screen
    from peercycle.core.runs import EndReason
    from peercycle.graphs.signals import Drainable

STOPPING = (
    "stopping: the stages in hand end first, and what they have asked a model; Ctrl-C, or the signal, again ends at once "
    "(resume goes on with it)"
)


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


@contextmanager
def draining_when_asked(queue: Path) -> Iterator[None]:
    """Drain a queue's runs, and begin no other, once `peercycle stop` has left its request in the queue's folder."""
    import asyncio

    watcher = asyncio.create_task(_await_request(queue))
    try:
        yield
    finally:
        watcher.cancel()


async def _await_request(queue: Path) -> None:
    import asyncio

    from peercycle.core.errors import StoreError
    from peercycle.graphs.driver import POLL_S
    from peercycle.graphs.signals import drain_all
    from peercycle.store.runs import read_stop

    asked: str | None = None
    while asked is None:
        # A disk that cannot be read now may be read again.
        with suppress(StoreError):
            asked = await asyncio.to_thread(read_stop, queue)
        if asked is None:
            await asyncio.sleep(POLL_S)
    drain_all("`peercycle stop` asked for it")
