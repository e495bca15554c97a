"""Functions run in a child process, so that a kill is a kill."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from peercycle.core.base import JSON

Closed = Literal["world", "sockets"] | None


@dataclass(frozen=True, slots=True)
class ChildEnd:
    """How a child process ended."""

    value: JSON = None
    error: str | None = None
    """Type and message of what it raised, with its traceback."""
    signal: int | None = None
    """The signal that it died of."""


def run_in_child(
    task: Callable[[], Coroutine[Any, Any, JSON]], *, closed: Closed = None, timeout_s: float = 60.0
) -> ChildEnd:
    """Run a coroutine to its end in a forked process, and say how that went.

    `closed` refuses sockets there, or sockets and programs: who tries gets a `PermissionError` with the event's name.
    """
    with tempfile.TemporaryDirectory(prefix="peercycle-child-") as folder:
        answer = Path(folder) / "answer.json"
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            # Python warns of threads at a fork; the child runs one coroutine and leaves without cleaning up.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            _be_the_child(task, answer, closed)
        status = _wait(pid, timeout_s)
        if os.WIFSIGNALED(status):
            return ChildEnd(signal=os.WTERMSIG(status))
        if not answer.is_file():
            return ChildEnd(error=f"the process left with exit code {os.waitstatus_to_exitcode(status)}")
        found = json.loads(answer.read_text(encoding="utf-8"))
        return ChildEnd(value=found["value"], error=found["error"])


def kill_this_process() -> None:
    """Die at once, as a machine does that loses its power."""
    os.kill(os.getpid(), signal.SIGKILL)


def _be_the_child(task: Callable[[], Coroutine[Any, Any, JSON]], answer: Path, closed: Closed) -> None:
    value: JSON = None
    error: str | None = None
    # What the parent holds is no garbage of the child's: searching it would copy its memory, page by page.
    gc.freeze()
    try:
        if closed:
            sys.addaudithook(partial(_refuse, _SOCKETS if closed == "sockets" else _SOCKETS | _PROGRAMS))
        value = asyncio.run(task())
        json.dumps(value)
    except BaseException as problem:  # noqa: BLE001 - all of it is told to the parent
        value = None
        error = f"{type(problem).__name__}: {problem}\n{''.join(traceback.format_exception(problem)[-6:])}"
    try:
        answer.write_text(json.dumps({"value": value, "error": error}), encoding="utf-8")
    finally:
        # Without cleaning up: what is registered to run at exit belongs to the parent.
        os._exit(0)


_SOCKETS = frozenset(("socket.connect", "socket.sendto", "socket.getaddrinfo"))
_PROGRAMS = frozenset(("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"))
_DOOR: ContextVar[bool] = ContextVar("door", default=False)
"""True inside an effect, whose function is the one that may touch the world."""

_OPEN_DOORS: list[None] = []
"""One entry for each effect in hand: threads that an effect starts have no context of their own."""


@contextmanager
def open_door() -> Iterator[None]:
    """Let the world be reached, inside an effect."""
    token = _DOOR.set(True)
    _OPEN_DOORS.append(None)
    try:
        yield
    finally:
        _OPEN_DOORS.pop()
        _DOOR.reset(token)


def _refuse(refused: frozenset[str], event: str, _: tuple[Any, ...]) -> None:
    if event not in refused or _DOOR.get():
        return
    if _OPEN_DOORS and threading.current_thread() is not threading.main_thread():
        return
    raise PermissionError(f"{event}: the world is closed here; reach it through the StageContext")


def _wait(pid: int, timeout_s: float) -> int:
    deadline = time.monotonic() + timeout_s
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise TimeoutError(f"not done after {timeout_s:g} s")
        time.sleep(0.002)
