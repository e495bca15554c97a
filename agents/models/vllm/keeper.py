"""Keeps one server alive exactly as long as whoever holds the other end of our standard input.

Run as a program of its own (`python keeper.py GRACE_S COMMAND...`), with the standard library only. When its standard
input ends, because it was closed or because its owner was killed, the server gets SIGTERM, and after the grace
SIGKILL, and with it everything that it started.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def main(arguments: list[str]) -> int:
    """Run the command until it ends or standard input does; return its exit code."""
    grace, command = float(arguments[0]), arguments[1:]
    # Orphans of the server become our children, so that none can hide.
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    server = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_die_with_parent,  # noqa: PLW1509 - no thread runs yet
    )

    def end(_number: int = 0, _frame: FrameType | None = None) -> None:
        threading.Thread(target=_end, args=(server, grace), daemon=True).start()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    threading.Thread(target=_await_owner, args=(end,), daemon=True).start()
    code = server.wait()
    _sweep(server.pid)
    return code if code >= 0 else 128 - code


def _await_owner(end: Callable[[], None]) -> None:
    with suppress(OSError):
        while os.read(0, 4096):
            pass
    end()


def _end(server: subprocess.Popen[bytes], grace: float) -> None:
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while server.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)


def _sweep(group: int) -> None:
    """Kill what the server left: its group, and whatever was handed to us as an orphan."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    with suppress(OSError, ValueError):
        for pid in children.read_text(encoding="ascii").split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


def _die_with_parent() -> None:
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    """Set an attribute of this process, where the system has it (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
