"""Hundreds of programs, eight at a time, benign and hostile mixed: each ends as it has to, and nothing is left."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from peercycle.plugins.testing.sandbox_suite.endings import DAEMON, STUBBORN
from peercycle.plugins.testing.sandbox_suite.ground import PRELUDE, Ground, changed, gone, unless
from peercycle.plugins.testing.sandbox_suite.resources import FORKS, MEMORY

AT_A_TIME = 8
EXECUTIONS = 500


async def _benign(ground: Ground, own: str) -> list[str]:
    result = await ground.run(
        "import os, sys, time\nopen('mine', 'w').write(sys.argv[1]); time.sleep(0.05)\n"
        "print(sorted(os.listdir('.')), open('mine').read())",
        own,
        outputs=("mine",),
    )
    bodies = await ground.bodies(result)
    said = result.stdout.text.strip()
    return unless(
        result.status == "ok" and said == f"['mine'] {own}" and bodies == {"mine": own.encode()},
        f"a benign program ended {result.status}, said {said!r} and left {bodies}",
    )


async def _crash(ground: Ground, own: str) -> list[str]:
    result = await ground.run("import sys; print(sys.argv[1], file=sys.stderr); sys.exit(7)", own)
    return unless((result.exit_code, result.stderr.text) == (7, own + "\n"), f"a crash ended {result.status}")


async def _forks(ground: Ground, own: str) -> list[str]:
    return [f"a fork bomb: {each}" for each in await ground.got(FORKS, "24", own)]


async def _memory(ground: Ground, own: str) -> list[str]:
    result = await ground.run(MEMORY.format(steps=71), own, limits=changed(memory_mb=64))
    return unless(result.status == "oom", f"too much memory ended {result.status}")


async def _disk(ground: Ground, own: str) -> list[str]:
    program = "import time\nfor n in range(250): open(f'{n}', 'w').close()\ntime.sleep(6)"
    result = await ground.run(program, own)
    return unless(result.status == "disk_limit", f"too many files ended {result.status}")


async def _flood(ground: Ground, own: str) -> list[str]:
    program = "import os, time\nfor _ in range(9): os.write(1, b'x' * 500)\ntime.sleep(6)"
    result = await ground.run(program, own, limits=changed(output_bytes=4096))
    return unless(result.status == "output_limit", f"too much output ended {result.status}")


async def _stubborn(ground: Ground, own: str) -> list[str]:
    result = await ground.run(STUBBORN, own, limits=changed(wall_s=0.5))
    return unless(result.status == "timeout", f"a sleeper ended {result.status}")


async def _daemon(ground: Ground, own: str) -> list[str]:
    result = await ground.run(DAEMON, own)
    return unless(result.status == "ok", f"a program with a daemon ended {result.status}")


async def _cancelled(ground: Ground, own: str) -> list[str]:
    task = asyncio.ensure_future(ground.run("import os, time\nos.fork()\ntime.sleep(20)", own))
    await asyncio.sleep(0.02 * (int(own, 16) % 20))
    task.cancel()
    ended = await asyncio.gather(task, return_exceptions=True)
    return unless(isinstance(ended[0], asyncio.CancelledError), f"a cancelled program gave {ended[0]!r}")


async def _nosy(ground: Ground, own: str) -> list[str]:
    """Look for what others have: their folders, processes and files."""
    result = await ground.run(
        PRELUDE
        + """
for folder in ("/tmp", "/var/tmp", "/dev/shm", "/work/..", "/run"):
    attempt(folder, lambda: open(folder + "/mine"))
for pid in pids():
    attempt(f"folder of {pid}", lambda: open(f"/proc/{pid}/cwd/mine"))
got.extend(f"{len(pids())} processes" for _ in range(len(pids()) > 6))
attempt("shadow", lambda: open("/etc/shadow"))
os.symlink("/etc/passwd", "out.json")
end()
""",
        own,
        outputs=("out.json",),
    )
    told = unless(result.stdout.text.strip() == "[]", f"a nosy program got {result.stdout.text.strip()!r}")
    return told + unless(not result.outputs, "a link was collected")


MIX: tuple[Callable[[Ground, str], Awaitable[list[str]]], ...] = (
    _benign, _nosy, _crash, _benign, _forks, _memory, _benign, _disk, _flood, _benign, _stubborn, _daemon, _cancelled,
)  # fmt: skip


async def soak(ground: Ground, executions: int = EXECUTIONS) -> list[str]:
    """Run so many programs; return what went wrong, and what was left."""
    temporary = _temporary()
    gate, marks = asyncio.Semaphore(AT_A_TIME), [secrets.token_hex(8) for _ in range(executions)]

    async def one(number: int) -> list[str]:
        async with gate:
            return await MIX[number % len(MIX)](ground, marks[number])

    told = await asyncio.gather(*(one(number) for number in range(executions)))
    wrong = Counter(line for lines in told for line in lines)
    found = [f"{line} ({count} times)" for line, count in wrong.most_common(10)]
    for mark in marks:
        found += await gone(mark, 0.5)
    remains = ground.facts.get("remains")
    found += [f"left: {each}" for each in (await asyncio.to_thread(remains) if remains else ())]
    found += [f"left mounted: {line}" for line in _mounts() if ground.folder.parent.name in line]
    return found + [f"left: {name}" for name in sorted(_temporary() - temporary)]


def _mounts() -> list[str]:
    return Path("/proc/self/mountinfo").read_text().splitlines()


def _temporary() -> set[str]:
    return {entry.name for entry in Path(tempfile.gettempdir()).iterdir()}
