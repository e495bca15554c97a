"""The keeper: it ends with its driver, holds nothing of it, and removes what that left only once that is dead."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from peercycle.core.errors import SandboxError
from peercycle.sandbox import afterwards, keeper
from peercycle.sandbox.canaries import BAIT
from peercycle.sandbox.place import new_execution
from peercycle.sandbox.processes import start_time

DRIVER = """
import sys
from pathlib import Path
from peercycle.sandbox import afterwards
afterwards.keep(Path(sys.argv[1]))
afterwards.keep(Path(sys.argv[1]))
print("kept", flush=True)
sys.stdin.read()
"""


def drive(state: Path, **variables: str) -> subprocess.Popen[str]:
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
    )
    assert driver.stdout is not None
    assert driver.stdout.readline() == "kept\n"
    return driver


def keepers(state: Path, driver: int) -> list[int]:
    mark = f"{keeper.__file__}\0{driver}\0".encode()
    found = []
    for folder in Path("/proc").iterdir():
        try:
            said = (folder / "cmdline").read_bytes() if folder.name.isdigit() else b""
        except OSError:
            continue
        if mark in said and str(state).encode() in said:
            found.append(int(folder.name))
    return found


def gone(state: Path, driver: int, patience_s: float = 10.0) -> bool:
    end = time.monotonic() + patience_s
    while keepers(state, driver) and time.monotonic() < end:
        time.sleep(0.02)
    return not keepers(state, driver)


def test_a_driver_has_one_keeper_which_ends_with_it(tmp_path: Path) -> None:
    driver = drive(tmp_path)
    assert len(keepers(tmp_path, driver.pid)) == 1
    driver.communicate("")
    assert gone(tmp_path, driver.pid)


def test_a_keeper_is_nobodys_child_and_holds_no_key_and_no_open_file_of_its_driver(tmp_path: Path) -> None:
    driver = drive(tmp_path, PEERCYCLE_CANARY="key-5f1c")
    (found,) = keepers(tmp_path, driver.pid)
    stat = Path(f"/proc/{found}/stat").read_text().rpartition(")")[2].split()
    assert (int(stat[1]) != driver.pid, int(stat[3])) == (True, found), "the parent; a session of its own"
    assert b"key-5f1c" not in Path(f"/proc/{found}/environ").read_bytes()
    # A reader of the driver's output would else wait for the keeper's end, too.
    assert {str(Path(f"/proc/{found}/fd/{number}").readlink()) for number in (0, 1, 2)} == {"/dev/null"}
    assert Path(f"/proc/{found}/cwd").readlink() == Path("/")
    driver.communicate("")
    assert gone(tmp_path, driver.pid)


def test_what_a_killed_driver_left_is_removed_and_what_others_hold_is_not(tmp_path: Path) -> None:
    driver = drive(tmp_path)
    began = start_time(driver.pid)
    others = "executions/1-1-dd"  # dead as well, and none of its business
    for name in (f"executions/{driver.pid}-{began}-aa", f"executions/.new-{driver.pid}-{began}-bb", others):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "owner.json").write_text("{}")
    for bait in (f"{BAIT}{driver.pid}-{began}-cc", f"{BAIT}{new_execution()}"):
        (tmp_path / bait).write_text("secret")
    driver.kill()
    driver.communicate()
    assert gone(tmp_path, driver.pid)
    end = time.monotonic() + 10
    while keeper.left(str(tmp_path), f"{driver.pid}-") and time.monotonic() < end:
        time.sleep(0.02)
    assert list((tmp_path / "executions").iterdir()) == [tmp_path / others]
    assert [path.name.startswith(f"{BAIT}{os.getpid()}-") for path in tmp_path.glob(f"{BAIT}*")] == [True]


def test_a_process_that_has_the_number_of_a_dead_driver_is_not_waited_for() -> None:
    began = time.monotonic()
    keeper.wait_for(os.getpid(), "1")
    assert time.monotonic() - began < 5


def test_a_keeper_that_cannot_be_started_is_an_error_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "absent"))
    with pytest.raises(SandboxError, match="cannot start the process that cleans up"):
        afterwards.keep(tmp_path)
