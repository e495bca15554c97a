"""One container watched from the driver: its clock, its streams, its end, and what is asked of it after that."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from peercycle.core.errors import SandboxError
from peercycle.core.sandboxing import ExecStatus, Limits
from peercycle.sandbox.containers.talk import Line
from peercycle.sandbox.streams import HeadAndTail

Stream = Literal["stdout", "stderr"]
OnOutput = Callable[[Stream, bytes], None]

TICK_S = 0.1
ANSWER_S = 10.0
"""How long process 1 may take to say how a stopped program ended; then the container is killed without it."""
COLLECT_S = 120.0
_STREAMS: dict[str, Stream] = {"o": "stdout", "e": "stderr"}
_CAUSES = frozenset(get_args(ExecStatus)) - {"ok", "nonzero"}


class CancelledError(Exception):
    """The caller does not want the program any more."""


@dataclass(slots=True)
class Ended:
    """How the program ended, as process 1 says, or as it had to be without it."""

    cause: ExecStatus | None
    code: int | None
    signal: int | None
    peak_bytes: int | None
    answers: bool
    """Process 1 is still there to hand out files."""


@dataclass(slots=True)
class Session:
    """A conversation with a started container. Blocks: it belongs into a thread of its own."""

    line: Line
    limits: Limits
    on_output: OnOutput | None
    wake: int
    """Readable when the caller cancels."""
    start_s: float
    silence_s: float
    streams: dict[Stream, HeadAndTail] = field(default_factory=dict)
    began: float | None = None
    ended: float = 0.0
    _said: float = 0.0
    _waiting: list[tuple[str, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in _STREAMS.values():
            self.streams[name] = HeadAndTail(self.limits.output_bytes)

    @property
    def duration_s(self) -> float:
        """Seconds from the program's first to its last."""
        return 0.0 if self.began is None else max(0.0, self.ended - self.began)

    def watch(self, plan: dict[str, Any]) -> Ended | None:
        """Let the program run to its end. None where the container is gone without having said how."""
        with contextlib.suppress(OSError):
            self.line.say(plan, self.start_s)
        deadline = time.monotonic() + self.start_s
        stopped: ExecStatus | None = None
        while not self.line.over:
            frames = self._next(deadline)
            for at, (kind, body) in enumerate(frames):
                if kind == "b":
                    self.began = time.monotonic()
                    deadline = self.began + self.limits.wall_s
                elif kind in _STREAMS:
                    stopped = self._take(_STREAMS[kind], body) or stopped
                elif kind == "!":
                    raise SandboxError(f"a container could not start its program: {_text(body)}")
                elif kind == "x":
                    self.ended = time.monotonic()
                    # What came with it is the beginning of the list of files.
                    self._waiting = frames[at + 1 :]
                    return _ended(body, stopped)
            self._sign_of_life()
            if time.monotonic() >= deadline:
                if self.began is None:
                    raise SandboxError(f"a container was not ready after {self.start_s:g} s")
                if stopped is not None:
                    self.ended = time.monotonic()
                    return Ended(stopped, None, 9, None, answers=False)
                stopped = "timeout"
                deadline = time.monotonic() + ANSWER_S
                with contextlib.suppress(OSError):
                    self.line.say({"stop": stopped}, 1.0)
        self.ended = time.monotonic()
        return None

    def _sign_of_life(self) -> None:
        if self.began is not None and time.monotonic() > self._said + self.silence_s / 6:
            self._said = time.monotonic()
            with contextlib.suppress(OSError):
                self.line.say({}, 1.0)

    def _take(self, name: Stream, data: bytes) -> ExecStatus | None:
        stream = self.streams[name]
        if self.on_output is not None and not stream.over:
            self.on_output(name, data[: self.limits.output_bytes - stream.total])
        stream.add(data)
        return "output_limit" if stream.over else None

    def _next(self, deadline: float) -> list[tuple[str, bytes]]:
        """Return the frames that came, after a moment at most."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.line.connection, selectors.EVENT_READ)
            selector.register(self.wake, selectors.EVENT_READ)
            ready = {key.fd for key, _ in selector.select(max(0.0, min(TICK_S, deadline - time.monotonic())))}
        if self.wake in ready:
            raise CancelledError
        if self.line.connection.fileno() in ready:
            self.line.take()
        waiting, self._waiting = self._waiting, []
        return [*waiting, *self.line.frames()]

    # --------------------------------------------------------------------------------------- collecting

    def entries(self, most: int) -> list[tuple[bytes, int, int, int]]:
        """Return what lies in the working directory: path, mode, links and size, as the container says."""
        found: list[tuple[bytes, int, int, int]] = []
        for kind, body in self._until("l"):
            if kind == "t":
                found += _entries(body)
            if len(found) > most + 1:
                raise SandboxError(f"a container lists more than the {most} entries it may have")
        return found

    def bodies(self, numbers: Sequence[int], sizes: Sequence[int]) -> list[bytes | str]:
        """Return files by their place in the list, none longer than asked for, or why one is not to be had."""
        try:
            self.line.say({"fetch": list(numbers)})
        except OSError as error:
            raise SandboxError(f"a container hung up while its files were collected: {error}") from error
        bodies: list[bytes | str] = []
        body = bytearray()
        for kind, data in self._until("d"):
            if kind == "f":
                body += data
            if len(bodies) >= len(sizes) or len(body) > sizes[len(bodies)]:
                raise SandboxError("a container sends more than it was asked for")
            if kind == "n":
                bodies.append(_text(data) if data else bytes(body))
                body.clear()
        if len(bodies) != len(numbers):
            raise SandboxError(f"a container sent {len(bodies)} files instead of {len(numbers)}")
        return bodies

    def _until(self, last: str) -> list[tuple[str, bytes]]:
        deadline = time.monotonic() + COLLECT_S
        found: list[tuple[str, bytes]] = []
        while not self.line.over or self._waiting:
            frames = self._next(deadline)
            for at, (kind, body) in enumerate(frames):
                if kind == last:
                    self._waiting = frames[at + 1 :]
                    return found
                found.append((kind, body))
            if time.monotonic() > deadline:
                break
        raise SandboxError("a container did not hand out its files to the end")


def _ended(body: bytes, stopped: ExecStatus | None) -> Ended:
    try:
        said = json.loads(body)
        cause, code, signal, peak = said["cause"], said["code"], said["signal"], said["peak"]
    except (ValueError, KeyError, TypeError) as error:
        raise SandboxError(f"process 1 of a container says nonsense of how it ended: {body[:200]!r}") from error
    return Ended(
        stopped or (cause if cause in _CAUSES else None),
        code if isinstance(code, int) else None,
        signal if isinstance(signal, int) else None,
        peak if isinstance(peak, int) and peak > 0 else None,
        answers=True,
    )


def _entries(body: bytes) -> list[tuple[bytes, int, int, int]]:
    import base64

    try:
        return [
            (base64.b64decode(path, validate=True), int(mode), int(links), int(size))
            for path, mode, links, size in json.loads(body)
        ]
    except (ValueError, TypeError) as error:
        raise SandboxError("a container lists its files as nonsense") from error


def _text(body: bytes) -> str:
    return " ".join(body.decode("utf-8", "replace").split())[:300]


def wake_pipe() -> tuple[int, int]:
    """Return a pipe by which a caller cancels."""
    return os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
