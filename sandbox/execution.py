"""One execution from request to result: a slot, a place, a watch, a collection, and nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from peercycle.core.contracts import ArtifactStore
from peercycle.core.errors import RefusedRequestError, SandboxError
from peercycle.core.outlasting import outlast
from peercycle.core.sandboxing import EnvironmentRef, ExecRequest, ExecResult, OutputFile
from peercycle.sandbox import afterwards, bringing, cgroups, collect, environments, place, slots
from peercycle.sandbox.cgroups import Group
from peercycle.sandbox.place import Place
from peercycle.sandbox.profile import View
from peercycle.sandbox.protections import Weakening
from peercycle.sandbox.settings import NAME, BubblewrapSettings, state_directory
from peercycle.sandbox.slots import Slot
from peercycle.sandbox.start import Start, find_bwrap
from peercycle.sandbox.supervise import Ending, Supervisor

T = TypeVar("T")
OnOutput = Callable[[Literal["stdout", "stderr"], bytes], None]
OVERHEAD_PROCESSES = 2
"""bubblewrap itself, outside and inside the pid namespace, counts against the process limit too."""


@dataclass(frozen=True, slots=True)
class Held:
    """What one execution holds while it lasts."""

    slot: Slot
    place: Place
    group: Group | None


async def execute(
    settings: BubblewrapSettings,
    without: Weakening,
    request: ExecRequest,
    environment: EnvironmentRef,
    artifacts: ArtifactStore,
    on_output: OnOutput | None = None,
) -> ExecResult:
    """Run a program without asking what the sandbox guarantees; `BubblewrapSandbox.run` asks first."""
    request = request.spelled_out()
    check_request(request)
    built = await asyncio.to_thread(environments.opened, settings, environment)
    ended = await execute_on(settings, without, request, built, artifacts, on_output)
    return ended.model_copy(update={"environment_digest": environment.digest})


async def execute_on(
    settings: BubblewrapSettings,
    without: Weakening,
    request: ExecRequest,
    built: environments.Built,
    artifacts: ArtifactStore,
    on_output: OnOutput | None = None,
) -> ExecResult:
    """Run a program on the files of an environment, which may still be in the making."""
    bwrap = await asyncio.to_thread(find_bwrap, settings.bwrap)
    state = state_directory(settings)
    brought = await bringing.gather(request, artifacts, state, settings.fetch)
    async with holding(settings, without, request) as held:
        await asyncio.to_thread(place.fill, held.place, held.slot.uid, brought.files, brought.lent)
        brought.files.clear()
        view = View(
            work=held.place.work,
            etc=await asyncio.to_thread(place.etc_folder, state),
            inputs=(
                *((held.place.inputs / name, name) for name in held.place.top_level),
                *((path, name) for name, path in brought.lent.items()),
            ),
            binds=built.binds,
            variables=dict(request.variables),
            argv=built.argv(request.argv),
            memory_mb=request.limits.memory_mb,
            processes=_inner_processes(request, held, without),
        )
        start = Start(
            bwrap=bwrap,
            execution=held.place.execution,
            view=view,
            limits=request.limits,
            uid=held.slot.uid,
            group=held.group,
            stdin=await asyncio.to_thread(_stdin_file, held.place, brought.stdin),
            without=without,
        )
        ending = await supervised(start, held, on_output)
        outputs, refused = await collect.collect(
            held.place.work, request.outputs, held.place.top_level, request.limits, artifacts, without
        )
    return _result(ending, outputs, refused).model_copy(update={"data": brought.data})


def check_request(request: ExecRequest) -> None:
    """Raise `RefusedRequestError` for what this backend cannot do, before anything is started."""
    if request.limits.gpus:
        raise RefusedRequestError("the sandbox 'bubblewrap' hands out no GPU: ask for 0, or use another backend")
    bringing.check(request)


def _inner_processes(request: ExecRequest, held: Held, without: Weakening) -> int | None:
    if held.group is not None or "process_limit" in without:
        return None
    # bubblewrap's first process inside counts too.
    return request.limits.processes + 1


def _stdin_file(at: Place, body: bytes | None) -> Path | None:
    if body is None:
        return None
    path = at.root / "stdin"
    path.write_bytes(body)
    return path


@asynccontextmanager
async def holding(settings: BubblewrapSettings, without: Weakening, request: ExecRequest) -> AsyncIterator[Held]:
    """Hold a slot, a directory and a cgroup; on every ending, cancellation too, let go of all of them."""
    slot = await slots.acquire(settings)
    if "unprivileged_uid" in without:
        slot.uid = None
    try:
        # In threads, as everything here that touches the disk: the loop may be a server's.
        laying = asyncio.ensure_future(asyncio.to_thread(_lay_out, settings, without, request, slot))
        try:
            yield await outlast(laying)
        finally:
            if laying.exception() is None:
                await to_the_end(lambda: _let_go(laying.result(), without))
    finally:
        await to_the_end(slot.release)


def _lay_out(settings: BubblewrapSettings, without: Weakening, request: ExecRequest, slot: Slot) -> Held:
    """Make the directory and the cgroup of an execution; what was made is gone again where this raises."""
    if "die_with_parent" not in without:
        afterwards.reap_at_death(state_directory(settings))
    execution = place.new_execution()
    hierarchy = cgroups.find() if settings.cgroups == "auto" else None
    group = None if hierarchy is None else cgroups.group_in(hierarchy, execution)
    owner = {"cgroups": [] if group is None else [str(path) for path in group.paths], "uid": slot.uid}
    held = Held(slot, place.make(state_directory(settings), execution, owner), group)
    try:
        if group is not None:
            _limit(group, request, without)
    except BaseException:
        _let_go(held, without)
        raise
    return held


def _limit(group: Group, request: ExecRequest, without: Weakening) -> None:
    limits = request.limits
    try:
        cgroups.create(
            group,
            memory_bytes=None if "memory_limit" in without else limits.memory_mb << 20,
            processes=None if "process_limit" in without else limits.processes + OVERHEAD_PROCESSES,
        )
    except OSError as error:
        raise SandboxError(
            f"cannot limit an execution by cgroup ({error}): free some, or set `cgroups` to off"
        ) from error


def _let_go(held: Held, without: Weakening) -> None:
    group = None if "group_kill" in without else held.group
    gone = group is None or group.remove()
    held.place.remove()
    if not gone:
        raise SandboxError(
            f"cannot remove the cgroup {str(group.memory) if group else ''!r}: a process is stuck in it"
        )


async def supervised(start: Start, held: Held, on_output: OnOutput | None) -> Ending:
    """Watch the program from a thread of its own; a cancelled caller waits until the program is gone."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Ending] = loop.create_future()
    work = os.open(held.place.work, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)

    def tell(name: Literal["stdout", "stderr"], chunk: bytes) -> None:
        if on_output is not None:
            loop.call_soon_threadsafe(on_output, name, chunk)

    supervisor = Supervisor(
        start, start.limits, work, len(held.place.top_level), held.group, tell if on_output else None, start.without,
        given=0 if start.stdin is None else start.stdin.stat().st_blocks * 512,
    )  # fmt: skip

    def watch() -> None:
        try:
            outcome: Ending | BaseException = supervisor.run()
        except BaseException as error:  # noqa: BLE001  # carried to the caller, whatever it is
            outcome = error
        finally:
            os.close(work)
        with contextlib.suppress(RuntimeError):  # the loop was closed under us
            loop.call_soon_threadsafe(_settle, ended, outcome)

    # Not the loop's pool, whose few threads would limit how many programs run at once; and a daemon, for its
    # death with the interpreter is the program's death too.
    threading.Thread(target=watch, name=f"sandbox {start.execution}", daemon=True).start()
    try:
        return await asyncio.shield(ended)
    except asyncio.CancelledError:
        supervisor.cancel()
        await outlast(ended)
        raise


def _settle(future: asyncio.Future[Ending], outcome: Ending | BaseException) -> None:
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


async def to_the_end(work: Callable[[], T]) -> T:
    """Do blocking work in a thread, and do not return before it is done, even when cancelled meanwhile."""
    return await outlast(asyncio.ensure_future(asyncio.to_thread(work)))


def _result(ending: Ending, outputs: tuple[OutputFile, ...], refused: tuple[str, ...]) -> ExecResult:
    assert ending.status is not None
    return ExecResult(
        status=ending.status,
        exit_code=ending.exit_code,
        signal=ending.signal,
        stdout=ending.stdout,
        stderr=ending.stderr,
        duration_s=ending.duration_s,
        peak_memory_mb=None if ending.peak_bytes is None else round(ending.peak_bytes / (1 << 20), 3),
        outputs=outputs,
        refused=refused,
        backend=NAME,
    )
