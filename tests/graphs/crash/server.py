"""A process that imports everything once and forks a child for each attempt at a run.

Reads one JSON request a line, answers one JSON line. It has no thread when it forks, and it adopts what its children
leave behind: after each death it waits until nothing of the dead is left, and says what was.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from tests.graphs.crash import points, protections, small_cycle

from peercycle.core.base import Word
from peercycle.core.errors import PeercycleError

PR_SET_CHILD_SUBREAPER = 36
PATIENCE_S = 60.0
"""What is left of a dead child has so long to end by itself; it takes milliseconds, or far longer where it never does."""


class Attempt(Word):
    """One child: what it does, and where it ends."""

    run: str
    """The run directory; its folder is the attempt's own, and the log of what happened lies there."""
    sandbox: bool = False
    at: str | None = None
    occurrence: int = 1
    signal: int = int(signal.SIGKILL)
    kill_after_s: float | None = None
    """Kill the child from outside after so long."""
    record: str | None = None
    copies: str | None = None
    without: tuple[str, ...] = ()
    delay_writes_s: float = 0.0
    delay_put_s: float = 0.0
    delay_in: str = ""
    options: dict[str, Any] = {}
    """Changes to the small cycle's options, of a new run."""
    changes: dict[str, Any] = {}
    """Changes that a resume makes."""
    continue_pid: int | None = None
    """Let a child go on that had stopped itself, and wait for it."""


def drive(attempt: Attempt) -> dict[str, Any]:
    """Start the run, or resume it where it has begun; return how it ended."""
    from peercycle.graphs.driver import resume, start

    path = Path(attempt.run)
    made = points.Points(
        log=path.parent / "happened",
        run=path,
        at=attempt.at,
        occurrence=attempt.occurrence,
        signal=attempt.signal,
        record=Path(attempt.record) if attempt.record else None,
        copies=Path(attempt.copies) if attempt.copies else None,
        delay_writes_s=attempt.delay_writes_s,
        delay_put_s=attempt.delay_put_s,
        delay_in=attempt.delay_in,
    )
    points.install(made)
    for protection in attempt.without:
        protections.without(protection)
    plugins = small_cycle.plugins()

    async def main() -> Any:
        if (path / "run.json").exists():
            return await resume(path, plugins, attempt.changes)
        chosen = small_cycle.options(path.parent, sandbox=attempt.sandbox, run_id=path.name, **attempt.options)
        return await start(small_cycle.task(), chosen, plugins)

    result = asyncio.run(main())
    return {"status": result.status, "reason": result.reason, "message": result.message}


def child(attempt: Attempt, report: Path) -> None:
    """Be the child; never returns."""
    code = 1
    try:
        sink = os.open(report.with_suffix(".stderr"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for descriptor in (1, 2):
            os.dup2(sink, descriptor)
        try:
            ended = drive(attempt)
            code = 0
        except PeercycleError as error:
            ended = {"error": type(error).__name__, "message": str(error)}
        report.write_text(json.dumps(ended), encoding="utf-8")
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def attempt_once(attempt: Attempt) -> dict[str, Any]:
    """Fork a child for an attempt and wait for its end, or for its stopping itself."""
    report = Path(attempt.run).parent / "report.child"
    if attempt.continue_pid is not None:
        pid = attempt.continue_pid
        os.kill(pid, signal.SIGCONT)
    else:
        report.unlink(missing_ok=True)
        assert threading.active_count() == 1, "a fork with threads would be a fork of one of them"
        pid = os.fork()
        if pid == 0:
            child(attempt, report)
    if attempt.kill_after_s is not None:
        time.sleep(attempt.kill_after_s)
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, os.WUNTRACED)
    answer: dict[str, Any] = {"pid": pid, "signal": None, "exit": None, "stopped": os.WIFSTOPPED(status), "left": []}
    if answer["stopped"]:
        return answer
    answer["left"] = _bury()
    if os.WIFSIGNALED(status):
        answer["signal"] = os.WTERMSIG(status)
        return answer
    answer["exit"] = os.WEXITSTATUS(status)
    if report.exists():
        answer["ended"] = json.loads(report.read_text(encoding="utf-8"))
    else:
        answer["stderr"] = report.with_suffix(".stderr").read_text(encoding="utf-8")[-3000:]
    return answer


def _bury() -> list[str]:
    """Wait for adopted processes to end, and return the command lines of those that do not, killing them."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
        except ChildProcessError:
            return []
        if pid == 0:
            if not _children():
                return []
            time.sleep(0.01)
    left = _children()
    for pid, _ in left:
        os.kill(pid, signal.SIGKILL)
    return [line for _, line in left]


def _children() -> list[tuple[int, str]]:
    """Return the live children of this process, those that stopped themselves on purpose aside."""
    found = []
    for number in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        try:
            state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
            if state != "T":
                found.append((int(number), Path(f"/proc/{number}/cmdline").read_text().replace("\0", " ")))
        except OSError:
            continue
    return found


def warm_up(sandbox: bool) -> str | None:
    """Import what a run needs, and probe the sandbox; return why it does not pass, or None."""
    import langgraph.checkpoint.sqlite
    import langgraph.graph  # noqa: F401 - imported for the children

    import peercycle.graphs.driver
    import peercycle.graphs.replay  # noqa: F401
    from peercycle.graphs.cycle import build_graph

    build_graph(small_cycle.plugins())
    if not sandbox:
        return "not asked for"
    from peercycle.core.sandboxing import ALL_GUARANTEES, EnvironmentSpec
    from peercycle.sandbox.bubblewrap import BubblewrapSandbox

    async def probe() -> str | None:
        backend = BubblewrapSandbox()
        probed = await backend.probe()
        if not probed.available or not probed.guarantees >= ALL_GUARANTEES:
            return probed.problem or f"lacks {sorted(ALL_GUARANTEES - probed.guarantees)}"
        await backend.prepare(EnvironmentSpec(name="base"))
        return None

    return asyncio.run(probe())


def main() -> None:
    """Answer requests until standard input ends."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    problem = warm_up(sandbox=True)
    gc.collect()
    gc.freeze()
    print(json.dumps({"sandbox_problem": problem}), file=answers, flush=True)
    for line in sys.stdin:
        answer = attempt_once(Attempt.model_validate_json(line))
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
