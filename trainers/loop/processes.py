"""Starting a step in a process of its own, and hearing how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from peercycle.core.errors import LoopError
from peercycle.store.disk import replace_file
from peercycle.trainers.loop.jobs import JOB_FILE, Job

LOG = "worker.log"
SHOWN = 300

Command = Callable[[Path], Sequence[str]]
"""The command line of a worker, given its job's file: whoever faces the user knows how it is called."""


class StoppedError(LoopError):
    """A signal drained a worker: the loop stops, and may be gone on with."""

    exit_code = 3


def run_job(job: Job, command: Command) -> None:
    """Run a job in a process of its own and wait for it.

    Raises `LoopError` with the last line that it said, `StoppedError` where it was drained by a signal.
    """
    folder = Path(job.folder)
    path = folder / JOB_FILE
    replace_file(path, job.model_dump_json(indent=1).encode())
    log = folder / LOG
    with log.open("ab") as output:
        child = subprocess.Popen(
            list(command(path)), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=_environment()
        )
        try:
            code = child.wait()
        except BaseException:
            # Ctrl-C reaches the child as well, which drains; any other end of ours must not leave it behind.
            _end(child)
            raise
    if code == StoppedError.exit_code:
        raise StoppedError("the loop was asked to stop; the same command goes on with it")
    if code != 0:
        raise LoopError(f"{folder.parent.name}/{folder.name}: {_last_line(log, code)}; all of it is in {log}")


def _environment() -> dict[str, str]:
    # One thread unless somebody says otherwise: sums of floats must come out the same on every machine of a kind.
    return {"OMP_NUM_THREADS": "1", **os.environ, "PYTHONHASHSEED": "0", "TOKENIZERS_PARALLELISM": "false"}


def _end(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(timeout=30)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _last_line(log: Path, code: int) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    how = f"it was killed by signal {-code}" if code < 0 else f"it ended with exit code {code}"
    said = next((line for line in reversed(lines) if line.startswith("error: ")), lines[-1] if lines else "")
    return f"{said.removeprefix('error: ')[:SHOWN]} ({how})" if said else how
