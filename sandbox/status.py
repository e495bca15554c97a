"""What bubblewrap reports about itself: its first process inside, and how the program ended."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal

from peercycle.sandbox import processes


class Status:
    """The documents on bubblewrap's status descriptor, as they come, and a hold on the first process inside."""

    def __init__(self) -> None:
        self._buffer = b""
        self._pidfd = -1
        self.child: int | None = None
        self.namespace: str | None = None
        self.exit_code: int | None = None
        """As bubblewrap says it; None until the program has started and ended."""

    def feed(self, data: bytes) -> None:
        """Take what was read. One JSON document a line."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            with contextlib.suppress(ValueError):
                self._take(json.loads(line))

    def _take(self, document: object) -> None:
        if not isinstance(document, dict):
            return
        if isinstance(code := document.get("exit-code"), int):
            self.exit_code = code
        child = document.get("child-pid")
        if isinstance(child, int) and self.child is None:
            self.child = child
            # Its parent has not reaped it yet or it lives: either way the id is still its own.
            with contextlib.suppress(ProcessLookupError):
                self._pidfd = os.pidfd_open(child)
            namespace = processes.namespace_of(child)
            # Our own is none of the program's: all of the machine would count as its.
            self.namespace = None if namespace == processes.namespace_of("self") else namespace

    def kill(self) -> bool:
        """Kill the first process inside, and with it every other; return whether it is known."""
        if self._pidfd < 0:
            return self.child is not None
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        return True

    def wait_gone(self, timeout_s: float) -> bool:
        """Wait until it has ended. The kernel ends it only after all others of its namespace."""
        if self._pidfd < 0:
            return True
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(timeout_s * 1000))

    def close(self) -> None:
        """Let go of the process."""
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
