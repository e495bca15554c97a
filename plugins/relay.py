"""Events on their way to plugins: off the event loop, in order, and never a danger to the run.

One worker thread and one bounded queue per plugin that listens. Per plugin rather than per manager, so that one
which hangs costs only itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from peercycle.plugins.hosting import Host, Implementation

Deliver = Callable[[Any], None]
Report = Callable[[str, str, BaseException], None]

QUEUE_LIMIT = 10_000
PATIENCE_S = 10.0
"""Seconds after which a call that has not returned counts as hanging."""


class Listener:
    """One plugin's ear: what it is told goes through a thread of its own."""

    def __init__(
        self, plugin: str, report: Report, *, patience_s: float = PATIENCE_S, limit: int = QUEUE_LIMIT
    ) -> None:
        self.plugin = plugin
        self._report = report
        self._patience_s = patience_s
        self._queue: queue.Queue[tuple[str, Deliver, Any] | None] = queue.Queue(limit)
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._waiting = 0
        self._since: float | None = None
        self._hook = ""
        self._muted = False
        self._thread: threading.Thread | None = None

    def tell(self, hook: str, deliver: Deliver, event: Any) -> None:
        """Queue one event; returns at once. A listener that hangs or is too far behind hears no more."""
        self._check_patience()
        with self._lock:
            if self._muted:
                return
            self._waiting += 1
            self._start()
        try:
            self._queue.put_nowait((hook, deliver, event))
        except queue.Full:
            with self._lock:
                self._waiting -= 1
            self._mute(hook, RuntimeError(f"fell {self._queue.maxsize} events behind; it hears no more"))

    def drain(self) -> None:
        """Wait until every event so far was delivered, at most the patience per call."""
        while True:
            with self._idle:
                if self._waiting == 0 or self._muted:
                    return
                self._idle.wait(0.05)
            self._check_patience()

    def close(self) -> None:
        """Drain, then end the thread. A call that hangs is left to its daemon thread."""
        self.drain()
        with self._lock:
            thread, self._thread = self._thread, None
            self._muted = True
        if thread is not None:
            self._wake()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=f"peercycle-events-{self.plugin}", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            hook, deliver, event = item
            with self._lock:
                if self._muted:
                    return
                self._since, self._hook = time.monotonic(), hook
            try:
                deliver(event)
            except BaseException as error:  # noqa: BLE001 - nothing of a listener reaches the run
                self._report(self.plugin, hook, error)
            finally:
                with self._idle:
                    self._since = None
                    self._waiting -= 1
                    self._idle.notify_all()

    def _check_patience(self) -> None:
        with self._lock:
            hangs = self._since is not None and time.monotonic() - self._since > self._patience_s
            hook = self._hook
        if hangs:
            self._mute(hook, TimeoutError(f"has not returned in {self._patience_s:g} s; it hears no more"))

    def _mute(self, hook: str, error: BaseException) -> None:
        with self._idle:
            if self._muted:
                return
            self._muted = True
            self._idle.notify_all()
        self._wake()
        self._report(self.plugin, hook, error)

    def _wake(self) -> None:
        # Where there is no room, the worker sees at its next item that it is muted.
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)


class EventRelay:
    """Who listens to what, and one listener for each plugin that does."""

    def __init__(self, host: Host, report: Report, *, patience_s: float, queue_limit: int) -> None:
        self._host = host
        self._report = report
        self._patience_s = patience_s
        self._queue_limit = queue_limit
        self._listeners: dict[str, Listener] = {}
        self._ears: dict[str, list[tuple[Listener, Deliver]]] = {}
        self._lock = threading.Lock()

    def tell(self, hook: str, event: Any) -> None:
        """Queue an event for everyone who implements the hook."""
        with self._lock:
            if hook not in self._ears:
                self._ears[hook] = [
                    (self._listener(i.plugin), partial(_deliver, i)) for i in self._host.implementations(hook)
                ]
            ears = self._ears[hook]
        for listener, deliver in ears:
            listener.tell(hook, deliver, event)

    async def drain(self) -> None:
        """Wait for every listener."""
        await asyncio.gather(*(asyncio.to_thread(listener.drain) for listener in self._listeners.values()))

    async def close(self) -> None:
        """Drain and end every listener."""
        with self._lock:
            listeners = list(self._listeners.values())
            self._listeners.clear()
            self._ears.clear()
        await asyncio.gather(*(asyncio.to_thread(listener.close) for listener in listeners))

    def _listener(self, plugin: str) -> Listener:
        if plugin not in self._listeners:
            self._listeners[plugin] = Listener(
                plugin, self._report, patience_s=self._patience_s, limit=self._queue_limit
            )
        return self._listeners[plugin]


def _deliver(implementation: Implementation, event: Any) -> None:
    implementation(event=event)
