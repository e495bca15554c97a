"""Watching one program from outside: its streams, its clock, its memory and its disk, until it is surely gone."""

from __future__ import annotations

import contextlib
import math
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from peercycle.core.errors import SandboxError
from peercycle.core.sandboxing import ExecStatus, Limits, StreamCapture
from peercycle.sandbox import hidden, processes, watch
from peercycle.sandbox.cgroups import Group
from peercycle.sandbox.launch import FAILED, kill_tree
from peercycle.sandbox.profile import tmpfs_sizes
from peercycle.sandbox.protections import Weakening
from peercycle.sandbox.status import Status
from peercycle.sandbox.streams import HeadAndTail

Stream = Literal["stdout", "stderr"]
OnOutput = Callable[[Stream, bytes], None]

TICK_S = 0.03
DISK_S = 0.1
"""Least time between two looks at the disk."""
MEMORY_S = 0.05
"""Time between two looks at the memory, where no cgroup limits it."""
MOST_MEMORY_S = 0.3
"""The same where a look takes long."""
IN_FLIGHT_S = 1.0
"""How long descriptors may be on their way, looked at all the time, before they are taken for a place to hide files."""
DEATH_S = 10.0
"""How long a killed sandbox may take to be gone before that is an error."""
NOT_FOUND = 127
"""Exit code, as a shell's, of a program that is not there or cannot be executed."""
_READ = 1 << 16


@dataclass(frozen=True, slots=True)
class Ending:
    """How a program ended; `status` is None where it was cancelled."""

    status: ExecStatus | None
    exit_code: int | None
    signal: int | None
    stdout: StreamCapture
    stderr: StreamCapture
    duration_s: float
    peak_bytes: int | None


@dataclass(slots=True)
class Supervisor:
    """One program under watch. `run` blocks, and belongs into a thread of its own."""

    start: Callable[[int], subprocess.Popen[bytes]]
    """Starts the launcher; is given the descriptor on which bubblewrap reports."""
    limits: Limits
    work: int
    """Descriptor of the working directory."""
    inputs: int
    """Entries of the working directory that are not the program's own."""
    group: Group | None
    on_output: OnOutput | None
    without: Weakening = frozenset()
    given: int = 0
    """Disk space, in bytes, of the standard input that it was given: a file without a name, and not the program's own."""
    _cause: ExecStatus | Literal["cancelled"] | None = None
    _peak: int = 0
    _next_disk: float = 0.0
    _next_memory: float = 0.0
    _flight: float | None = None
    """Since when every look has found descriptors on their way between the program's own processes."""
    _streams: dict[Stream, HeadAndTail] = field(default_factory=dict)
    _wake: tuple[int, int] = (-1, -1)
    _end: int = -1
    """Becomes readable when bubblewrap ends."""
    _status: Status = field(default_factory=Status)

    def __post_init__(self) -> None:
        self._streams = {
            "stdout": HeadAndTail(self.limits.output_bytes),
            "stderr": HeadAndTail(self.limits.output_bytes),
        }
        self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def cancel(self) -> None:
        """Ask `run` to kill the program and return; from any thread."""
        with contextlib.suppress(OSError):
            os.write(self._wake[1], b"x")

    def run(self) -> Ending:
        """Run the program to its end. Raises `SandboxError` where the sandbox, not the program, failed."""
        begun = time.monotonic()
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            process = self.start(writer)
        except OSError as error:
            os.close(reader)
            raise SandboxError(f"cannot start the sandbox: {error}") from error
        finally:
            os.close(writer)
        try:
            with selectors.DefaultSelector() as selector:
                self._register(selector, process, reader)
                self._watch(selector, process, begun)
                self._bury(selector, process)
                self._drain(selector)
        finally:
            self._kill(process)
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
            for opened in (reader, *self._wake, self._end):
                if opened >= 0:
                    os.close(opened)
            self._status.close()
        return self._ending(process, time.monotonic() - begun)

    # ------------------------------------------------------------------------------------------ watching

    def _register(self, selector: selectors.BaseSelector, process: subprocess.Popen[bytes], reader: int) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        for opened, name in ((process.stdout.fileno(), "stdout"), (process.stderr.fileno(), "stderr")):
            os.set_blocking(opened, False)
            selector.register(opened, selectors.EVENT_READ, name)
        os.set_blocking(reader, False)
        selector.register(reader, selectors.EVENT_READ, "status")
        selector.register(self._wake[0], selectors.EVENT_READ, "wake")
        self._end = os.pidfd_open(process.pid)
        selector.register(self._end, selectors.EVENT_READ, "end")

    def _watch(self, selector: selectors.BaseSelector, process: subprocess.Popen[bytes], begun: float) -> None:
        deadline = begun + (math.inf if "wall_clock" in self.without else self.limits.wall_s)
        while self._cause is None and process.poll() is None:
            self._read(selector, min(TICK_S, max(0.0, deadline - time.monotonic())))
            if time.monotonic() >= deadline:
                self._stop("timeout")
            self._look_at_memory()
            self._look_at_disk()

    def _read(self, selector: selectors.BaseSelector, timeout: float) -> bool:
        """Take what there is to read; return whether there was anything."""
        ready = selector.select(timeout)
        for key, _ in ready:
            if key.data == "end":
                selector.unregister(key.fd)
                continue
            try:
                data = os.read(key.fd, _READ)
            except BlockingIOError:
                continue
            if key.data == "wake":
                self._stop("cancelled")
                selector.unregister(key.fd)
            elif not data:
                selector.unregister(key.fd)
            elif key.data == "status":
                self._status.feed(data)
            else:
                self._take(key.data, data)
        return bool(ready)

    def _take(self, name: Stream, data: bytes) -> None:
        stream = self._streams[name]
        if self.on_output is not None and not stream.over:
            self.on_output(name, data[: self.limits.output_bytes - stream.total])
        stream.add(data)
        if stream.over and "output_limit" not in self.without:
            self._stop("output_limit")

    def _look_at_memory(self) -> None:
        if self.group is not None and "memory_limit" not in self.without:
            if self.group.oom_kills():
                self._stop("oom")
            return
        if self._status.namespace is None or time.monotonic() < self._next_memory:
            return
        began = time.monotonic()
        members = processes.in_namespace(self._status.namespace)
        held = processes.proportional_bytes(members)
        held += hidden.look(members, os.fstat(self.work).st_dev).memory_bytes
        if self._status.child is not None:
            held += processes.tmpfs_bytes(self._status.child, tmpfs_sizes(self.limits.memory_mb))
        self._peak = max(self._peak, held)
        if held > self.limits.memory_mb << 20 and "memory_limit" not in self.without:
            self._stop("oom")
        # Many processes with many mappings take long to look at: a third of the time, but never seldom.
        self._next_memory = time.monotonic() + min(MOST_MEMORY_S, max(MEMORY_S, 2 * (time.monotonic() - began)))

    def _look_at_disk(self) -> None:
        now = time.monotonic()
        if now < self._next_disk or "disk_watch" in self.without:
            return
        self._check_disk()
        # A look at a large tree is dear: spend at most a fifth of the time looking.
        self._next_disk = time.monotonic() + max(DISK_S, 4 * (time.monotonic() - now))

    def _check_disk(self) -> None:
        limit = (self.limits.disk_mb << 20) + self.given
        use = watch.measure(self.work, max_bytes=limit, max_entries=self.limits.files + self.inputs)
        used = use.bytes
        if used <= limit and self._status.namespace is not None:
            seen = hidden.look(self._members(), os.fstat(self.work).st_dev)
            used += seen.disk_bytes
            self._flight = self._flight or time.monotonic() if seen.in_flight else None
        if self._flight is not None and time.monotonic() - self._flight > IN_FLIGHT_S:
            self._stop("disk_limit")
        if use.breach or used > limit or use.entries > self.limits.files + self.inputs:
            self._stop("disk_limit")

    def _members(self) -> list[int]:
        if self.group is not None:
            return self.group.members()
        return processes.in_namespace(self._status.namespace) if self._status.namespace else []

    def _stop(self, cause: ExecStatus | Literal["cancelled"]) -> None:
        if self._cause is None:
            self._cause = cause

    # ------------------------------------------------------------------------------------------- ending

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill the sandbox and wait until the last process of its pid namespace is gone."""
        if process.poll() is None and not self._status.kill():
            # It has not said which process it started.
            kill_tree(process.pid)
        try:
            # Its first process killed, bubblewrap reaps that and ends by itself, and leaves no zombie to init.
            process.wait(1.0)
        except subprocess.TimeoutExpired:
            kill_tree(process.pid)
            process.wait()
        self._status.kill()
        if self.group is not None and not self.without & {"die_with_parent", "group_kill"}:
            self.group.kill()

    def _bury(self, selector: selectors.BaseSelector, process: subprocess.Popen[bytes]) -> None:
        if self._cause is not None:
            self._kill(process)
        process.wait()
        # A program that ended at once may not have been seen to start.
        self._read(selector, 0.0)
        self._status.kill()
        if not self._status.wait_gone(DEATH_S):
            raise SandboxError("a killed sandbox did not end within 10 s: look for a process stuck in the kernel")

    def _drain(self, selector: selectors.BaseSelector) -> None:
        """Read what was written before the end. Every writer is dead, so each pipe ends or is empty."""
        end = time.monotonic() + 2.0
        while selector.get_map() and time.monotonic() < end and self._read(selector, 0.0):
            pass
        if self._cause is None:
            self._look_at_memory()
            if "disk_watch" not in self.without:
                self._check_disk()

    def _ending(self, process: subprocess.Popen[bytes], duration: float) -> Ending:
        stderr = self._streams["stderr"].capture()
        code, number = decoded(self._status.exit_code)
        if self._cause is None and self._status.exit_code is None and "exit_report" in self.without:
            number = -process.returncode if process.returncode < 0 else None
        elif self._cause is None and self._status.exit_code is None:
            # Nothing of the program has run, so this line is bubblewrap's own.
            if process.returncode == 1 and stderr.head.startswith("bwrap: execvp "):
                code = NOT_FOUND
            elif process.returncode == FAILED or process.returncode >= 0:
                raise SandboxError(f"bubblewrap did not start the program: {stderr.text.strip()[-400:]!r}")
            else:
                raise SandboxError(f"bubblewrap died of signal {-process.returncode}, which peercycle did not send")
        peak = self.group.peak_bytes() if self.group is not None else None
        return Ending(
            status=None if self._cause == "cancelled" else self._cause or status_of(code, number),
            exit_code=None if self._cause else code,
            signal=signal.SIGKILL if self._cause else number,
            stdout=self._streams["stdout"].capture(),
            stderr=stderr,
            duration_s=duration,
            peak_bytes=peak if peak is not None else self._peak or None,
        )


def decoded(code: int | None) -> tuple[int | None, int | None]:
    """Return exit code and signal. Like a shell, bubblewrap says 128 + n for death by signal n."""
    if code is not None and 128 < code <= 128 + signal.NSIG:
        return None, code - 128
    return code, None


def status_of(code: int | None, number: int | None) -> ExecStatus:
    if number == signal.SIGXCPU:
        return "timeout"
    if number == signal.SIGXFSZ:
        return "disk_limit"
    if number is not None:
        return "killed"
    return "ok" if code == 0 else "nonzero"
