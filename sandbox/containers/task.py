"""One program in one container, from its creation to its removal: what a thread of its own does."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from peercycle.core.errors import SandboxError
from peercycle.core.sandboxing import ExecRequest, ExecResult, ExecStatus, Limits
from peercycle.sandbox import seccomp
from peercycle.sandbox.containers import choosing, leftovers, owner, profile, weakening
from peercycle.sandbox.containers.engine import engine, knock, refusals, url_of
from peercycle.sandbox.containers.environments import Opened
from peercycle.sandbox.containers.session import COLLECT_S, Ended, Session, wake_pipe
from peercycle.sandbox.containers.settings import NAME, DockerSettings
from peercycle.sandbox.containers.talk import Line
from peercycle.sandbox.containers.weakening import Weakening
from peercycle.sandbox.place import Place
from peercycle.sandbox.profile import ENVIRONMENT, HOME, MATPLOTLIB
from peercycle.sandbox.start import rlimits
from peercycle.sandbox.supervise import decoded, status_of

if TYPE_CHECKING:
    from docker.api import APIClient

OnOutput = Callable[[Literal["stdout", "stderr"], bytes], None]

SPARE_S = 300.0
"""Beyond all that an execution may take, after which its container is nobody's, whoever looks."""


@dataclass(slots=True)
class Task:
    """What one execution in a container needs to know; `run` blocks, and belongs into a thread of its own."""

    settings: DockerSettings
    request: ExecRequest
    place: Place
    environment: Opened
    mounts: tuple[tuple[Path, str], ...]
    on_output: OnOutput | None
    without: Weakening = frozenset()
    container: str = ""
    _wake: tuple[int, int] = field(default_factory=wake_pipe)

    def cancel(self) -> None:
        """Ask `run` to kill the program and to raise; from any thread."""
        with contextlib.suppress(OSError):
            os.write(self._wake[1], b"x")

    def run(self) -> tuple[ExecResult, list[tuple[str, bytes]]]:
        """Run the program; return how it ended, without its outputs, and those."""
        try:
            with engine(self.settings) as client:
                try:
                    return self._run(client)
                finally:
                    if self.container:
                        self._knock()
                        leftovers.remove(client, self.container)
        finally:
            for end in self._wake:
                os.close(end)

    def _run(self, client: APIClient) -> tuple[ExecResult, list[tuple[str, bytes]]]:
        limits, since = self.request.limits, time.time()
        shape = profile.Shape(
            image=self.environment.image,
            limits=limits,
            mounts=self.mounts,
            top_level=len(self.place.top_level),
            labels=owner.labels(self.place.execution, self.settings.start_s + limits.wall_s + COLLECT_S + SPARE_S),
            without=self.without,
        )
        with refusals("create a container"):
            self.container = profile.create(client, self.settings, shape)
        with refusals("attach to a container"):
            attached = client.attach_socket(self.container, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        line = Line(attached._sock)  # the connection itself, which may be waited for
        try:
            with refusals("start a container"):
                client.start(self.container)
                if shape.limits.processes + 1 < profile.LEAST_TO_START and "process_limit" not in self.without:
                    profile.limit_processes(client, self.container, limits.processes + 1)
            session = Session(
                line,
                watched(limits, self.without),
                self.on_output,
                self._wake[0],
                self.settings.start_s,
                self.settings.silence_s,
            )
            ended = session.watch(self._plan())
            if ended is None:
                ended = self._lost(client, line, since)
            bodies, refused = self._collect(session, ended)
        finally:
            line.close()
            attached.close()
        return self._result(ended, session, refused), bodies

    def _plan(self) -> dict[str, Any]:
        import base64

        request = self.request
        plan: dict[str, Any] = {
            "argv": list(self.environment.argv(request.argv)),
            "variables": profile.variables(request.variables),
            "stdin": profile.INPUT if request.stdin is not None else os.devnull,
            "rlimits": rlimits(request.limits, frozenset()),
            "filter": base64.b64encode(seccomp.filter_program()).decode(),
            "memory_bytes": request.limits.memory_mb << 20,
            "disk_bytes": request.limits.disk_mb << 20,
            "files": request.limits.files,
            "output_bytes": request.limits.output_bytes,
            "wall_s": request.limits.wall_s,
            "collect_s": COLLECT_S,
            "silence_s": self.settings.silence_s,
            "list": bool(request.outputs),
            "folders": [HOME, MATPLOTLIB],
            "links": {f"{ENVIRONMENT}/matplotlib": MATPLOTLIB},
        }
        weakening.weaken_plan(plan, self.without)
        return plan

    def _knock(self) -> None:
        """Raise `SandboxError` where the daemon is gone."""
        with refusals("say what became of a container"):
            knock(url_of(self.settings))

    def _lost(self, client: APIClient, line: Line, since: float) -> Ended:
        """Return how a container ended that did not say so: out of memory, or else the sandbox failed."""
        self._knock()
        if leftovers.killed_for_memory(client, self.container, since):
            return Ended("oom", None, 9, None, answers=False)
        said = " ".join(line.complaint.decode("utf-8", "replace").split())[-300:]
        raise SandboxError(f"a container ended without saying how{f': {said}' if said else ''}")

    def _collect(self, session: Session, ended: Ended) -> tuple[list[tuple[str, bytes]], tuple[str, ...]]:
        request = self.request
        if not request.outputs or not ended.answers:
            return [], ()
        most = request.limits.files + len(self.place.top_level) + profile.SLACK_ENTRIES
        choice = choosing.choose(
            session.entries(most), request.outputs, self.place.top_level, request.limits, self.without
        )
        bodies = session.bodies(choice.numbers, choice.sizes) if choice.numbers else []
        kept = [(path, body) for path, body in zip(choice.paths, bodies, strict=True) if isinstance(body, bytes)]
        refused = [
            f"{path}: {body}" for path, body in zip(choice.paths, bodies, strict=True) if isinstance(body, str)
        ]
        return kept, choosing.listed([*choice.refused, *refused])

    def _result(self, ended: Ended, session: Session, refused: tuple[str, ...]) -> ExecResult:
        code, number = (ended.code, ended.signal) if ended.signal is not None else decoded(ended.code)
        status: ExecStatus = ended.cause or status_of(code, number)
        return ExecResult(
            status=status,
            exit_code=None if ended.cause else code,
            signal=9 if ended.cause else number,
            stdout=session.streams["stdout"].capture(),
            stderr=session.streams["stderr"].capture(),
            duration_s=session.duration_s,
            peak_memory_mb=None if ended.peak_bytes is None else round(ended.peak_bytes / (1 << 20), 3),
            refused=refused,
            backend=NAME,
        )


def watched(limits: Limits, without: Weakening) -> Limits:
    """Return the limits by which the driver watches."""
    changes: dict[str, object] = {}
    if "wall_clock" in without:
        changes["wall_s"] = 3600.0
    if "output_limit" in without:
        changes["output_bytes"] = 1 << 24
    return limits.model_copy(update=changes)
