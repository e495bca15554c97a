"""A process of its own in which rows are run: another user where asked, a terminal, and outer limits on what goes wrong.

One such process serves all rows of a contract, so that the sandbox is probed and its environment opened once.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import importlib
import json
import os
import pty
import resource
import select
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peercycle.plugins.testing.sandbox_suite.ground import Skip

OUTER_MEMORY = 3 << 30
OUTER_PROCESSES = 600
OUTER_FILE = 9 << 40
"""A file may be long, as long as nothing is written into it: the attack with a sparse one is to be seen to succeed."""
PYTHON = "/usr/bin/python3"
"""What starts programs for a user who cannot reach this one."""


Serve = Callable[[Path, contextlib.AsyncExitStack], Any]
"""Awaited in the process, gives what answers a request; the stack is left at the end."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a row."""

    found: tuple[str, ...] = ()
    error: str | None = None
    """What it raised, with its traceback."""
    skip: str | None = None


class Worker:
    """Forks at once; `ask` runs a row in the process, `close` ends it and removes its folder."""

    def __init__(self, serve: Serve, *, uid: int | None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="peercycle-attack-", dir="/var/tmp"))
        self._group = _outer_group()
        ask, self._ask = os.pipe()
        self._answer, answer = os.pipe()
        self._terminal, terminal = pty.openpty()
        with warnings.catch_warnings():
            # Python warns of threads at a fork; this one runs rows and leaves without cleaning up.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if self.pid == 0:
            for each in (self._ask, self._answer, self._terminal):
                os.close(each)
            _be_the_worker(serve, self.folder, uid, terminal, ask, answer)
        for each in (ask, answer, terminal):
            os.close(each)
        self._join()
        os.write(self._ask, b"\n")

    def _join(self) -> None:
        for path in () if self._group is None else self._group.paths:
            with contextlib.suppress(OSError):
                (path / "cgroup.procs").write_text(str(self.pid))

    def ask(self, what: dict[str, Any], timeout_s: float = 100.0) -> Answer:
        """Have something done. Raises `TimeoutError`, and then the process is dead."""
        os.write(self._ask, json.dumps(what).encode() + b"\n")
        said = b""
        while not said.endswith(b"\n"):
            ready, _, _ = select.select([self._answer], [], [], timeout_s)
            part = os.read(self._answer, 1 << 16) if ready else b""
            if not part:
                self.close()
                raise TimeoutError(f"{what} was not answered" + ("" if ready else f" in {timeout_s:g} s"))
            said += part
        told = json.loads(said)
        return Answer(tuple(told["found"]), told["error"], told["skip"])

    @property
    def closed(self) -> bool:
        """Whether it has been ended."""
        return self.pid < 0

    def close(self) -> None:
        """End the process and whatever it holds."""
        if self.closed:
            return
        pid, self.pid = self.pid, -1
        for each in (self._ask, self._answer, self._terminal):
            os.close(each)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        if self._group is not None:
            _remove_below(self._group)
        shutil.rmtree(self.folder, ignore_errors=True)


def _outer_group() -> Any:
    """Return a cgroup to be in, which everything that is started inherits; None where none can be made."""
    from peercycle.sandbox import cgroups

    hierarchy = cgroups.find()
    if hierarchy is None or hierarchy.version == 2:
        # In version 2 a group that hands its controllers on can hold no process itself.
        return None
    group = cgroups.group_in(hierarchy, f"outer-{os.getpid()}-{os.urandom(4).hex()}")
    try:
        cgroups.create(group, memory_bytes=OUTER_MEMORY, processes=OUTER_PROCESSES)
    except OSError:
        group.remove(patience_s=0.5)
        return None
    return group


def _remove_below(outer: Any) -> None:
    """Kill and remove what a proof has left in the outer group, and then that."""
    from peercycle.sandbox.cgroups import Group

    for inner in sorted({path.name for top in outer.paths for path in top.glob("*") if path.is_dir()}):
        group = Group(outer.version, outer.memory / inner, outer.pids / inner)
        group.kill()
        group.remove()
    outer.kill()
    outer.remove()


def _be_the_worker(serve: Serve, folder: Path, uid: int | None, terminal: int, ask: int, answer: int) -> None:
    try:
        os.setsid()
        _take_terminal(terminal)
        commands = os.fdopen(ask, "rb", buffering=0)
        commands.readline()
        _limit_and_become(folder, uid)
        asyncio.run(_serve(serve, folder, commands, answer))
    except BaseException:  # noqa: BLE001  # there is nobody to raise to
        traceback.print_exc()
    finally:
        os._exit(0)


def _take_terminal(terminal: int) -> None:
    """Make a terminal this session's own, and standard input: what a program must not get at."""
    import fcntl
    import termios

    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    os.dup2(terminal, 0)
    os.close(terminal)


def _limit_and_become(folder: Path, uid: int | None) -> None:
    from peercycle.sandbox import cgroups, seccomp

    # What is known of the parent's groups does not hold here; and what is imported now need not be readable later.
    cgroups.find.cache_clear()
    with contextlib.suppress(Exception):
        seccomp.filter_program()
        for name in ("concurrent.futures.thread", "peercycle.graphs.stages.results"):
            importlib.import_module(name)
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTER_FILE, OUTER_FILE))
    folder.chmod(0o711)
    for name in ("state", "bait", "artifacts", "tmp"):
        (folder / name).mkdir()
        (folder / name).chmod(0o777 if name == "bait" else 0o711)
        if uid is not None:
            os.chown(folder / name, uid, uid)
    # A temporary folder of our own, in which what is left is ours.
    os.environ["TMPDIR"] = str(folder / "tmp")
    tempfile.tempdir = None
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        os.environ["HOME"] = str(folder / "state")
        if not os.access(sys.executable, os.X_OK):
            sys.executable = PYTHON
        # Without it /proc/self is root's, as after any change of user.
        ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)


async def _serve(serve: Serve, folder: Path, commands: Any, answer: int) -> None:
    async with contextlib.AsyncExitStack() as stack:
        handle = await serve(folder, stack)
        while line := await asyncio.to_thread(commands.readline):
            told = Answer()
            try:
                told = Answer(found=tuple(await handle(json.loads(line))))
            except Skip as reason:
                told = Answer(skip=str(reason))
            except Exception as error:  # noqa: BLE001  # it is told to the test
                told = Answer(error=f"{type(error).__name__}: {error}\n{''.join(traceback.format_exc()[-2000:])}")
            os.write(
                answer, json.dumps({"found": told.found, "error": told.error, "skip": told.skip}).encode() + b"\n"
            )
