"""Runs that go on alone: a process in a session of its own, watched until its run can be observed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from peercycle.cli.output import print_json, say
from peercycle.cli.screens import Launch

LOG = "driver.log"
EVERY_S = 0.05


def detach_run(arguments: Sequence[str], runs_dir: Path, run_id: str | None, *, as_json: bool) -> int:
    """Start `peercycle run` with these arguments alone; return once its `run.json` is there."""
    from peercycle.core.errors import UsageError
    from peercycle.store.directory import new_run_id

    name = run_id or new_run_id(time.time())
    run = runs_dir / name
    if run.exists():
        raise UsageError(f"{str(run)!r} exists already; resume that run, or give this one another id")
    given = [] if run_id else ["--run-id", name]
    # A run appears whole under its name, so its log cannot be there before it.
    log = _log_aside(runs_dir, name)
    child = _start([*_without_detach(arguments), *given], log)
    _await_file(child, run / "run.json", log)
    log.replace(run / LOG)
    _tell(Launch(name, run, (), pid=child.pid), run / LOG, as_json)
    return 0


def detach_queue(arguments: Sequence[str], runs_dir: Path, *, as_json: bool) -> int:
    """Start a queue alone; return once its folder is there."""
    from peercycle.cli.queue import new_queue_name
    from peercycle.cli.queue_state import STATE_FILE

    name = new_queue_name()
    queue = runs_dir / name
    log = _log_aside(runs_dir, name)
    child = _start([*_without_detach(arguments), "--queue-id", name], log)
    _await_file(child, queue / STATE_FILE, log)
    log.replace(queue / LOG)
    _tell(Launch(name, queue, (), pid=child.pid), queue / LOG, as_json, "queue")
    return 0


def _tell(launch: Launch, log: Path, as_json: bool, kind: str = "run") -> None:
    if as_json:
        print_json(launch.line)
    else:
        say(f"{kind} {launch.run_id} in {launch.path}, driven by process {launch.pid}; its output is in {log}")


def _without_detach(arguments: Sequence[str]) -> list[str]:
    return [argument for argument in arguments if argument not in {"--detach", "--json"}]


def _log_aside(runs_dir: Path, name: str) -> Path:
    from peercycle.core.errors import StoreError

    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make {str(runs_dir)!r}: {error.strerror}; give another with --runs-dir") from None
    return runs_dir / f".{name}.{LOG}"


def _start(arguments: list[str], log: Path) -> subprocess.Popen[bytes]:
    from peercycle.core.errors import StoreError

    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise StoreError(f"cannot write {str(log)!r}: {error.strerror}; give another place with --runs-dir") from None
    with os.fdopen(descriptor, "ab") as output:
        command = [sys.executable, "-m", "peercycle", *arguments]
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )


def _await_file(child: subprocess.Popen[bytes], wanted: Path, log: Path) -> None:
    """Wait for a file of the child's; raise what the child complained of where it ends without it."""
    from peercycle.core.errors import PeercycleError

    while not wanted.exists():
        code = child.poll()
        if code is not None and not wanted.exists():
            text = log.read_text(encoding="utf-8", errors="replace").strip()
            log.unlink(missing_ok=True)
            last = text.splitlines()[-1].removeprefix("error: ") if text else f"it ended with exit code {code}"
            raise PeercycleError(f"the run did not begin: {last}")
        time.sleep(EVERY_S)
    # The child goes on alone: this process neither waits for it nor warns that it did not.
    child.returncode = 0
