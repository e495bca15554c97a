"""One execution in a container: a place for its inputs, a container, a conversation, and nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path
from typing import Any, Literal

from peercycle.core.contracts import ArtifactStore
from peercycle.core.errors import RefusedRequestError
from peercycle.core.outlasting import outlast
from peercycle.core.sandboxing import EnvironmentRef, ExecRequest, ExecResult, OutputFile
from peercycle.sandbox import afterwards, bringing, place
from peercycle.sandbox.containers import profile
from peercycle.sandbox.containers.engine import url_of
from peercycle.sandbox.containers.environments import opened, state_directory
from peercycle.sandbox.containers.session import CancelledError
from peercycle.sandbox.containers.settings import NAME, DockerSettings
from peercycle.sandbox.containers.task import OnOutput, Task
from peercycle.sandbox.containers.weakening import Weakening
from peercycle.sandbox.execution import to_the_end
from peercycle.sandbox.place import Place
from peercycle.sandbox.profile import WORK


async def execute(
    settings: DockerSettings,
    request: ExecRequest,
    environment: EnvironmentRef,
    artifacts: ArtifactStore,
    on_output: OnOutput | None = None,
    without: Weakening = frozenset(),
) -> ExecResult:
    """Run a program without asking what the sandbox guarantees; `DockerSandbox.run` asks first."""
    request = request.spelled_out()
    check_request(settings, request)
    env = await asyncio.to_thread(opened, settings, environment)
    state = state_directory(settings)
    brought = await bringing.gather(request, artifacts, state, settings.fetch)
    if "die_with_parent" not in without:
        await asyncio.to_thread(afterwards.reap_at_death, state, url_of(settings))
    made = await asyncio.to_thread(place.make, state, place.new_execution(), {"backend": NAME})
    try:
        await asyncio.to_thread(place.fill, made, None, brought.files, brought.lent)
        own = await asyncio.to_thread(_own_mounts, made, settings.user, brought.stdin)
        given_mounts = [(made.inputs / name, f"{WORK}/{name}") for name in made.top_level]
        lent_mounts = [(path, f"{WORK}/{name}") for name, path in brought.lent.items()]
        mounts = (*env.mounts, *own, *given_mounts, *lent_mounts)
        task = Task(settings, request, made, env, mounts, _in_loop(on_output), without)
        result, bodies = await in_thread(task)
    finally:
        await to_the_end(made.remove)
    kept = [
        OutputFile(path=path, size=len(body), artifact=await artifacts.put(body, name=path)) for path, body in bodies
    ]
    return result.model_copy(
        update={"outputs": tuple(kept), "environment_digest": environment.digest, "data": brought.data}
    )


def check_request(settings: DockerSettings, request: ExecRequest) -> None:
    """Raise `RefusedRequestError` for what this backend cannot do, before anything is started."""
    if request.limits.gpus > settings.gpus:
        raise RefusedRequestError(
            f"{request.limits.gpus} GPUs are asked for, and the sandbox 'docker' may hand out {settings.gpus}: "
            "ask for fewer, or raise `sandboxes.docker.gpus`"
        )
    bringing.check(request)


def _own_mounts(made: Place, user: int, stdin: bytes | None) -> list[tuple[Path, str]]:
    """Write the files of /etc and the standard input, and return where each is mounted."""
    folder = made.root / "etc"
    folder.mkdir(mode=0o755)
    mounts = [(_written(folder / name, text.encode()), f"/etc/{name}") for name, text in profile.etc(user).items()]
    if stdin is not None:
        mounts.append((_written(made.root / "stdin", stdin), profile.INPUT))
    return mounts


def _written(path: Path, body: bytes) -> Path:
    path.write_bytes(body)
    path.chmod(0o444)
    return path


def _in_loop(on_output: OnOutput | None) -> OnOutput | None:
    """Return a callback for another thread that calls the given one in this loop."""
    if on_output is None:
        return None
    loop = asyncio.get_running_loop()

    def tell(name: Literal["stdout", "stderr"], chunk: bytes) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed under us
            loop.call_soon_threadsafe(on_output, name, chunk)

    return tell


async def in_thread(task: Task) -> tuple[ExecResult, list[tuple[str, bytes]]]:
    """Run a task in a thread of its own; a cancelled caller waits until the container is gone."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[tuple[ExecResult, list[tuple[str, bytes]]]] = loop.create_future()

    def settle(outcome: Any) -> None:
        if isinstance(outcome, BaseException):
            ended.set_exception(outcome)
        else:
            ended.set_result(outcome)

    def work() -> None:
        try:
            outcome: Any = task.run()
        except BaseException as error:  # noqa: BLE001  # carried to the caller, whatever it is
            outcome = error
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=work, name=f"container {task.place.execution}", daemon=True).start()
    try:
        return await asyncio.shield(ended)
    except asyncio.CancelledError:
        task.cancel()
        with contextlib.suppress(CancelledError):
            await outlast(ended)
        raise
