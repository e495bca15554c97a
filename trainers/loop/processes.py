"""Starting a step in a process of its own, and hearing how it ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from peercycle.core.errors import LoopError
from peercycle.store.disk import disk_errors, replace_file
from peercycle.trainers.loop.jobs import FULL_DISK, JOB_FILE, Job, RolloutJob

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
    with disk_errors("write", log):
        output = log.open("ab")
    with output:
        child = subprocess.Popen(
            list(command(path)), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=_environment()
        )
        try:
            code = child.wait()
        except BaseException:
            # Ctrl-C reaches the child as well, which drains; any other end of ours must not leave it behind.
            _end(child)
            raise
    _check(code, folder)
    if code != 0:
        raise LoopError(f"{folder.parent.name}/{folder.name}: {_last_line(log, code)}; all of it is in {log}")


class StayingSampler:
    """One sampler's process for the whole loop: its engine stays, and loads each new policy."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._command = command
        self._log = log
        self._child: subprocess.Popen[str] | None = None

    def run(self, job: RolloutJob) -> None:
        """Have a job done. Raises what `run_job` raises."""
        path = Path(job.folder) / JOB_FILE
        replace_file(path, job.model_dump_json(indent=1).encode())
        child = self._started()
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(f"{path.absolute()}\n")
            child.stdin.flush()
            answer = child.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise LoopError(f"the sampler ended: {_last_line(self._log, child.wait())}; all of it is in {self._log}")
        try:
            found = json.loads(answer)
        except ValueError:
            # Killed in the middle of a line, or something wrote into its standard output.
            raise LoopError(f"the sampler said {answer[:SHOWN]!r}, which is no answer; see {self._log}") from None
        _check(found["code"], path.parent)
        if found["code"] != 0:
            raise LoopError(f"{path.parent.parent.name}/{path.parent.name}: {found['error']}")

    def end(self) -> None:
        """End it, and its engine with it."""
        child, self._child = self._child, None
        if child is not None:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.close()
            try:
                child.wait(timeout=60)
            except subprocess.TimeoutExpired:
                _end(child)
            child.stdout.close()

    def _started(self) -> subprocess.Popen[str]:
        if self._child is None:
            with self._log.open("ab") as log:
                self._child = subprocess.Popen(
                    list(self._command),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=_environment(),
                    text=True,
                )
        return self._child


def _check(code: int, folder: Path) -> None:
    """Raise for an exit code that says all there is to say of a step."""
    if code == StoppedError.exit_code:
        raise StoppedError("the loop was asked to stop; the same command goes on with it")
    if code == FULL_DISK:
        raise LoopError(
            f"{folder.parent.name}/{folder.name}: nothing more can be written to the disk of "
            f"{str(folder.absolute())!r} (is it full?); make room there, and the same command goes on with what is done"
        )


def _environment() -> dict[str, str]:
    # One thread unless somebody says otherwise: sums of floats must come out the same on every machine of a kind.
    return {"OMP_NUM_THREADS": "1", **os.environ, "PYTHONHASHSEED": "0", "TOKENIZERS_PARALLELISM": "false"}


def _end(child: subprocess.Popen[Any]) -> None:
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
