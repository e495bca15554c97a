"""Attacks on the end: output without end, time without end, processes that stay, drivers and backends that die."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from peercycle.core.contracts import Closing, Sandbox
from peercycle.core.errors import SandboxError
from peercycle.core.sandboxing import ExecRequest, ExecResult
from peercycle.plugins.testing.sandbox_suite.ground import WALL_S, Ground, Skip, alive, changed, gone, unless, until
from peercycle.plugins.testing.sandbox_suite.rows import PIDS, Nothing, attack


@attack(9, "output_limit")
async def output_without_end_is_cut(ground: Ground) -> list[str]:
    """No newline, no valid UTF-8, escape sequences: the program is ended, and head and tail are kept."""
    result = await ground.run(
        "import os\nos.write(1, b'first')\n"
        "for _ in range(9): os.write(1, b'\\xff\\x1b[2J\\xc3' * 100)\nimport time; time.sleep(6)",
        limits=changed(output_bytes=4096),
    )
    kept = result.stdout
    return [
        *unless(result.status == "output_limit", f"a tenth more than 4096 bytes: {result.status}"),
        *unless(kept.truncated and kept.head.startswith("first"), "the head is lost, or nothing says it was cut"),
        *unless(len(kept.head) + len(kept.tail) <= 4096, "more was kept than the limit"),
    ]


@attack(9, "output_limit")
async def standard_error_without_end_is_cut_too(ground: Ground) -> list[str]:
    """The other stream has the same limit."""
    result = await ground.run(
        "import os, time\nfor _ in range(10): os.write(2, b'y' * 450)\ntime.sleep(6)",
        limits=changed(output_bytes=4096),
    )
    return unless(result.status == "output_limit" and result.stderr.truncated, f"4500 bytes: {result.status}")


@attack(10, "wall_clock")
async def a_spin_ends_by_the_clock(ground: Ground) -> list[str]:
    """A program spins for a while longer than it may."""
    result = await ground.run(
        "import time\nend = time.monotonic() + 6\nwhile time.monotonic() < end: pass",
        limits=changed(wall_s=0.4, cpu_s=60),
    )
    return unless(result.status == "timeout", f"6 s of 0.4: {result.status}")


@attack(None, "cpu_limit")
async def processor_time_is_limited(ground: Ground) -> list[str]:
    """A program uses more processor time than it may, within its wall clock."""
    result = await ground.run("import time\nwhile time.process_time() < 4: pass", limits=changed(cpu_s=1, wall_s=30))
    return unless(result.status == "timeout", f"4 s of 1: {result.status}")


STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
time.sleep(8)
"""


@attack(11, "wall_clock")
async def a_sleeper_that_ignores_signals_is_ended(ground: Ground) -> list[str]:
    """SIGTERM ignored, double fork and a session of its own: a timeout all the same."""
    result = await ground.run(STUBBORN, limits=changed(wall_s=0.5))
    return unless(result.status == "timeout", f"8 s of 0.5: {result.status}")


@attack(11, "pid_namespace", "group_kill", user=("pid_namespace", "group_kill"), docker=PIDS)
async def a_timeout_leaves_no_process(ground: Ground) -> list[str]:
    """Nor does a child survive that hides in a session of its own."""
    mark = secrets.token_hex(8)
    await ground.run(STUBBORN, mark, limits=changed(wall_s=0.5))
    return await gone(mark, 1.0)


DAEMON = f"""
import os, time
if os.fork() == 0:
    os.setsid()
    time.sleep({WALL_S / 2})
    os.write(1, b"late")
    os._exit(0)
print("done", flush=True)
"""


@attack(12, "pid_namespace", "group_kill", user=("pid_namespace", "group_kill"), docker=PIDS)
async def a_daemon_does_not_outlive_its_program(ground: Ground) -> list[str]:
    """A child left behind after exit 0 is gone when the result is there."""
    mark = secrets.token_hex(8)
    result = await ground.run(DAEMON, mark)
    said = unless(result.status == "ok" and result.stdout.head.startswith("done"), f"it ended {result.status}")
    return said + await gone(mark, 1.0)


@attack(13, "pid_namespace", "group_kill", user=("pid_namespace", "group_kill"), docker=PIDS)
async def a_child_that_holds_the_output_holds_nothing_up(ground: Ground) -> list[str]:
    """The result does not wait for what a child might still write."""
    mark = secrets.token_hex(8)
    heard: list[bytes] = []
    result = await ground.run(DAEMON, mark, on_output=lambda _name, chunk: heard.append(chunk))
    said = unless(
        "late" not in result.stdout.text and result.duration_s < 0.45 * WALL_S, "the result waited for the child"
    )
    return said + await gone(mark, 0.5)


@attack(29, "empty_stdin")
async def standard_input_ends_at_once(ground: Ground) -> list[str]:
    """Nobody types; a program that reads gets the end of the file."""
    result = await ground.run("import os; print(os.read(0, 10))", limits=changed(wall_s=3))
    return unless(result.stdout.text == "b''\n", f"reading ended {result.status}: {result.stdout.text!r}")


@attack(37, "die_with_parent")
async def a_driver_killed_by_signal_9_takes_its_program_along(ground: Ground) -> list[str]:
    """The driver has no time to clean up; its program and a child of it are gone all the same."""
    mark = secrets.token_hex(8)
    driver = await asyncio.to_thread(_drive, ground, mark)
    try:
        assert await until(lambda: len(alive(mark)) >= 2), "the program did not start"
        await asyncio.sleep(0.2)
    finally:
        os.kill(driver, signal.SIGKILL)
        await asyncio.to_thread(os.waitpid, driver, 0)
    left = await gone(mark, 6.0)
    await ground.sandbox.reap()
    return left


def _drive(ground: Ground, mark: str) -> int:
    """Run a program in a driver of its own: a fork of this process, with a sandbox of its own."""
    program = "import os, time\nos.fork()\ntime.sleep(25)"

    async def drive() -> None:
        await _in_a_fresh_sandbox(ground, ground.request(program, mark, limits=changed(wall_s=30)))

    return _forked(drive)


async def _in_a_fresh_sandbox(ground: Ground, request: ExecRequest) -> ExecResult:
    async with contextlib.AsyncExitStack() as stack:
        made: Sandbox = ground.fresh()
        if isinstance(made, Closing):
            made = await stack.enter_async_context(made)
        return await made.run(request, ground.environment, ground.artifacts)


def _forked(work: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Do something in a fork of this process, and return its id; its exit code is 0 where nothing was raised."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        asyncio.run(work())
        code = 0
    finally:
        os._exit(code)


@attack(
    None,
    "own_session",
    docker=Nothing("process 1 of the container takes no signal from inside, and its driver is not in its group"),
)
async def a_signal_to_its_own_group_hits_nobody_outside(ground: Ground) -> list[str]:
    """It names no process, so no namespace of their ids keeps it in: a group may reach from inside to the driver."""

    async def drive() -> None:
        os.setpgid(0, 0)
        request = ground.request("import os, time\nos.kill(0, 9)\ntime.sleep(5)")
        ended = await _in_a_fresh_sandbox(ground, request)
        if (ended.status, ended.signal) != ("killed", 9):
            raise SandboxError(f"it ended {ended.status}")

    _, status = await asyncio.to_thread(os.waitpid, await asyncio.to_thread(_forked, drive), 0)
    await ground.sandbox.reap()
    return unless(status == 0, "its driver, or what held it, was hit as well")


@attack(38, "memory_limit")
async def twenty_at_a_time_keep_their_own_limits(ground: Ground) -> list[str]:
    """Each third of twenty takes too much memory; they alone are ended for it, and no one sees another's files."""
    gate = asyncio.Semaphore(8)

    async def one(number: int) -> list[str]:
        steps = 71 if number % 3 == 0 else 2
        program = f"import os\nopen('mine', 'w').write('{number}')\n{MEMORY}".replace("STEPS", str(steps))
        async with gate:
            result = await ground.run(program, limits=changed(memory_mb=64))
        wanted = "oom" if number % 3 == 0 else "ok"
        said = result.stdout.text.strip()
        return unless(
            result.status == wanted and (wanted == "oom" or said == f"{number} ['mine']"),
            f"number {number} ended {result.status} and said {said!r}",
        )

    return [line for lines in await asyncio.gather(*(one(number) for number in range(20))) for line in lines]


MEMORY = """
import time
held = []
for _ in range(STEPS):
    held.append(bytearray(b"x") * (1 << 20))
time.sleep(0.3 if STEPS < 64 else 6)
print(open("mine").read(), os.listdir("."), flush=True)
"""


@attack(40, "exit_report", docker=Nothing("the engine's own account of the container is the only one"))
async def a_backend_that_dies_is_no_failed_program(ground: Ground) -> list[str]:
    """What holds the program is killed from outside: an exception, and no result that a model could be shown."""
    if "holder" not in ground.facts:
        raise Skip("needs to know what holds a program of this backend: override `facts`")
    mark = secrets.token_hex(8)
    task = asyncio.ensure_future(ground.run("import time; time.sleep(15)", mark))
    try:
        holder = ground.facts["holder"]
        victim = await until(lambda: holder(mark))
        assert victim, "nothing was found that holds the program"
        await asyncio.sleep(0.2)
        await asyncio.to_thread(ground.facts["kill_holder"], victim)
        try:
            result = await task
        except SandboxError:
            return await gone(mark, 3.0)
        return [f"a dead backend is told as the program's end: {result.status}"]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
