"""What comes after a driver's death: its reaper, one for each process, told where that keeps its executions."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

from peercycle.core.errors import SandboxError
from peercycle.sandbox import reaper
from peercycle.sandbox.estate import Place
from peercycle.sandbox.processes import start_time


@dataclass(slots=True)
class _Reaper:
    """The reaper of one process, and what it was told."""

    pipe: int = -1
    places: list[Place] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, place: Place) -> None:
        """Have what this process leaves there removed when it has ended."""
        with self.lock:
            if place in self.places:
                return
            if not self._said(place):
                # None yet, or it was killed.
                self.pipe = _start(self.pipe)
                if not all(self._said(each) for each in (*self.places, place)):
                    raise SandboxError("the process that cleans up after this one ended at once")
            self.places.append(place)

    def _said(self, place: Place) -> bool:
        line = json.dumps(place).encode() + b"\n"
        with contextlib.suppress(OSError):
            return os.write(self.pipe, line) == len(line)
        return False


_reapers: dict[int, _Reaper] = {}
"""By process: a fork has what its parent had, and keeps its executions itself."""


def reap_at_death(state: Path, daemon: str | None = None) -> None:
    """Have what this process leaves in a state directory removed when it has ended, however it does.

    Raises `SandboxError` where the process that does it cannot be started.
    """
    _reapers.setdefault(os.getpid(), _Reaper()).tell((str(state), daemon, [] if daemon is None else _third_party()))


def _start(old: int) -> int:
    """Start a reaper, and return where it listens."""
    if old >= 0:
        os.close(old)
    pid = os.getpid()
    listening, said = os.pipe2(os.O_CLOEXEC)
    try:
        done = subprocess.run(
            [
                sys.executable,
                "-I",
                "-S",
                "-B",
                reaper.__file__,
                str(pid),
                str(start_time(pid)),
                str(listening),
                _ROOT,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[listening],
            # No key of the driver's: all that it starts is `rm`.
            env={"PATH": f"{os.environ.get('PATH', '')}:/usr/bin:/bin"},
            cwd="/",
            # A signal to the driver's group is none to it.
            start_new_session=True,
            check=False,
        )
        problem = f"exit code {done.returncode}" if done.returncode else ""
    except OSError as error:
        problem = str(error.strerror)
    finally:
        os.close(listening)
    if problem:
        os.close(said)
        raise SandboxError(
            f"cannot start the process that cleans up after this one ({problem}): is a limit of processes reached?"
        )
    return said


_ROOT = str(Path(__file__).absolute().parents[2])
"""Where this package is imported from."""


def _third_party() -> list[str]:
    """Return where Docker's SDK is imported from, but for folders that others than this user and root may write."""
    return [path for path in map(os.path.abspath, sys.path) if _is_ours(path)]


def _is_ours(path: str) -> bool:
    with contextlib.suppress(OSError):
        status = Path(path).stat()
        return status.st_uid in (0, os.geteuid()) and not status.st_mode & 0o022
    return False
