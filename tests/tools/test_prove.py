"""tools/prove.py bounds the long proofs, names what it cut off, and never hides a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.installing import PYTEST_ALONE

HEADER = "import subprocess, time, pytest\n\npytestmark = pytest.mark.prove\n\n"
PASSES = "def test_passes(): pass\n"
FAILS = "def test_fails(): assert False\n"
WAITS = "def test_waits(): subprocess.run(['sleep', '60'])\n"
NEVER_BEGINS = "def test_never_begins(): pass\n"


def prove(
    repository: Path, folder: Path, source: str, minutes: float, workers: int = 0
) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    prove: long\n")
    (folder / "test_proofs.py").write_text(HEADER + source)
    command = [sys.executable, "-P", str(repository / "tools" / "prove.py"), "--minutes", str(minutes)]
    command += ["--workers", str(workers), "-p", "xdist"] if workers else []
    return subprocess.run(
        [*command, "-p", "timeout", "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        env=os.environ | PYTEST_ALONE,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def cut(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line.split("::")[1] for line in done.stdout.splitlines() if line.startswith("  CUT ")]


def test_proofs_within_the_limit_pass(repository: Path, tmp_path: Path) -> None:
    done = prove(repository, tmp_path, PASSES, 1)
    assert (done.returncode, cut(done)) == (0, [])
    assert "1 passed" in done.stdout


def test_what_the_limit_cuts_off_is_named_and_is_no_failure(repository: Path, tmp_path: Path) -> None:
    done = prove(repository, tmp_path, PASSES + WAITS + NEVER_BEGINS, 0.05)
    assert (done.returncode, cut(done)) == (0, ["test_waits", "test_never_begins"])
    assert "2 proofs did not run to their end" in done.stdout


@pytest.mark.parametrize("rest", [PASSES, WAITS])
def test_a_failure_shows_whether_or_not_the_limit_cut_the_rest_off(
    repository: Path, tmp_path: Path, rest: str
) -> None:
    done = prove(repository, tmp_path, FAILS + rest, 0.05)
    assert done.returncode == 1
    assert "FAILED test_proofs.py::test_fails" in done.stdout


def test_two_workers_share_the_proofs_and_what_is_cut_off_is_named(repository: Path, tmp_path: Path) -> None:
    others = WAITS.replace("test_waits", "test_waits_too") + NEVER_BEGINS
    done = prove(repository, tmp_path, PASSES + WAITS + others, 0.1, workers=2)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {"test_waits", "test_waits_too"} <= set(cut(done))
    assert "test_passes" not in cut(done)


def test_a_failure_in_a_worker_shows_when_the_rest_is_cut_off(repository: Path, tmp_path: Path) -> None:
    done = prove(repository, tmp_path, FAILS + WAITS, 0.1, workers=2)
    assert (done.returncode, cut(done)) == (1, ["test_waits"])


def test_nothing_to_prove_is_no_failure(repository: Path, tmp_path: Path) -> None:
    assert prove(repository, tmp_path, "", 1).returncode == 0


def test_a_file_that_cannot_be_collected_is_a_failure(repository: Path, tmp_path: Path) -> None:
    assert prove(repository, tmp_path, "import no_such_module\n", 1).returncode not in {0, 5}
