"""SIGTERM, SIGINT and SIGHUP drain every run that this process drives; a second one ends it at once."""

from __future__ import annotations

import asyncio
import signal
import threading
from asyncio import unix_events
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from peercycle.core.runs import EndReason

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""SIGHUP: the terminal was closed; under nohup it is ignored, and stays so."""


class Drainable(Protocol):
    """A run, or a queue of them."""

    def drain(self, reason: EndReason, message: str) -> None:
        """Let what is in hand end, and begin nothing else."""
        ...


_DRIVEN: list[Drainable] = []
_ASKED: list[str] = []
"""What those driven now were asked to drain for: a run that was still being opened then hears of it, too."""
_BEFORE: dict[signal.Signals, tuple[asyncio.AbstractEventLoop, Any]] = {}
"""The handlers that ours stand in for, and the loop in which they do."""
_LOOPS_OWN = getattr(unix_events, "_sighandler_noop", None)
"""What asyncio puts in for a signal that a loop handles; the handler itself is the loop's secret."""


@contextmanager
def draining_on_signals(run: Drainable) -> Iterator[None]:
    """Drain this run on a signal; the handlers stand while any run is driven, and only in the main thread.

    A signal that the loop's owner handles, such as a server with `add_signal_handler`, is left to it.
    """
    if not _DRIVEN:
        _ASKED.clear()
        _install()
    _DRIVEN.append(run)
    try:
        if _ASKED:
            run.drain("drained", _ASKED[0])
        yield
    finally:
        _DRIVEN.remove(run)
        if not _DRIVEN:
            _restore()


def _install() -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    # A loop that is not asyncio's own may have no handlers; its owner then drains by `peercycle stop`.
    with suppress(NotImplementedError, RuntimeError):
        for number in SIGNALS:
            before = signal.getsignal(number)
            if before in (_LOOPS_OWN, signal.SIG_IGN):
                # Its owner's, who then drains by `peercycle stop`; or ours, which the last run left from a thread; or
                # ignored, as a script's shell has it with Ctrl-C for what runs in the background.
                continue
            loop.add_signal_handler(number, _on_signal, number)
            _BEFORE[number] = loop, before


def _restore() -> None:
    if threading.current_thread() is not threading.main_thread():
        # The last run left in a thread: the main loop takes its handlers along when it closes.
        return
    loop = asyncio.get_running_loop()
    while _BEFORE:
        number, (home, before) = _BEFORE.popitem()
        if home is not loop:
            # That loop took its handlers along.
            continue
        loop.remove_signal_handler(number)
        # asyncio would leave Python's own handler, which raises wherever the loop is and so loses tasks; that of
        # `asyncio.run` cancels the main task. None: a handler not set from Python, which cannot be set again.
        if before is not None:
            signal.signal(number, before)


def drain_all(message: str) -> None:
    """Drain every run that this process drives, and those that it is about to."""
    _ASKED.append(message)
    for run in tuple(_DRIVEN):
        run.drain("drained", message)


def _on_signal(number: signal.Signals) -> None:
    _, before = _BEFORE.get(number, (None, None))
    # The next signal has its usual effect: whoever sends a second one does not want to wait for the stage in hand.
    _restore()
    drain_all(f"{number.name} was received")
    # A program around us that ends itself on SIGTERM, such as a server, is to hear of it, too. On SIGINT it is not:
    # the handlers of Python and of `asyncio.run` would end the run that is to drain.
    if number == signal.SIGTERM and callable(before):
        before(number, None)
