"""A disk that fills while papers are sampled: the loop stops, says which disk, and goes on once there is room."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.trainers.loop.test_loop_killed import finish, made, rolled

from peercycle.trainers.loop.manifest import read_manifest

Write = Callable[..., Path]

pytestmark = pytest.mark.timeout(600)


def limited(folder: Path, size: int) -> subprocess.CompletedProcess[str]:
    """Drive the loop where no file may grow beyond a size."""
    return subprocess.run(
        [sys.executable, "-m", "peercycle", "train", "loop.toml"],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, size)),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.mark.parametrize("stay", [False, True])
def test_a_disk_that_fills_while_papers_are_sampled_is_named_and_the_loop_goes_on(
    toy_loop: Write, *, stay: bool
) -> None:
    how = {"sample": "stay = true"} if stay else {}
    whole, filled = toy_loop("whole", **how), toy_loop("filled", **how)
    finish(whole)
    # What stands before the sampling, so that it is there that the disk fills.
    (start,) = whole.glob("loops/toy/start-*")
    shutil.copytree(start, filled / "loops/toy" / start.name)
    done = limited(filled, 64 << 10)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    sampled = filled / "loops/toy/main/001/sample"
    assert line == (
        f"error: 001/sample: nothing more can be written to the disk of {str(sampled)!r} (is it full?); make room there, "
        "and the same command goes on with what is done"
    )
    assert read_manifest(sampled) is None
    assert not (sampled / "rollouts.jsonl").exists()
    finish(filled)
    assert rolled(filled) == rolled(whole)
    assert made(filled) == made(whole)
