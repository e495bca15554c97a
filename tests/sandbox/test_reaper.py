"""A driver's reaper: it ends with its driver, holds nothing of it, and removes what that left and nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import peercycle
from peercycle.core.errors import SandboxError
from peercycle.sandbox import afterwards, cgroups, estate, reap, reaper
from peercycle.sandbox.place import BAIT, leftovers, new_execution
from peercycle.sandbox.processes import start_time

DRIVER = """
import sys
from pathlib import Path
from peercycle.sandbox import afterwards
for state in sys.argv[1:]:
    afterwards.reap_at_death(Path(state))
print("up", flush=True)
sys.stdin.read()
"""


def drive(*states: Path, **variables: str) -> subprocess.Popen[str]:
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, *map(str, states)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
    )
    assert driver.stdout is not None
    assert driver.stdout.readline() == "up\n"
    return driver


def reapers(driver: int) -> list[int]:
    mark = f"/reaper.py\0{driver}\0".encode()
    found = []
    for folder in Path("/proc").iterdir():
        try:
            said = (folder / "cmdline").read_bytes() if folder.name.isdigit() else b""
        except OSError:
            continue
        if mark in said:
            found.append(int(folder.name))
    return found


def gone(driver: int, patience_s: float = 20.0) -> bool:
    end = time.monotonic() + patience_s
    while reapers(driver) and time.monotonic() < end:
        time.sleep(0.02)
    return not reapers(driver)


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path, str]]:
    """A driver of the state directory `tmp_path`, to be killed; and how the names of its executions begin."""
    driver = drive(tmp_path)
    yield driver, tmp_path, f"{driver.pid}-{start_time(driver.pid)}-"
    driver.kill()
    driver.communicate()
    assert gone(driver.pid)


def test_a_driver_has_one_reaper_for_all_its_folders_which_ends_with_it(tmp_path: Path) -> None:
    driver = drive(tmp_path / "one", tmp_path / "two", tmp_path / "one")
    assert len(reapers(driver.pid)) == 1
    driver.communicate("")
    assert gone(driver.pid)


def test_threads_that_begin_at_once_have_one_reaper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(afterwards, "_reapers", {})
    before = len(reapers(os.getpid()))
    begin = threading.Barrier(8)

    def ask() -> None:
        begin.wait()
        afterwards.reap_at_death(tmp_path)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reapers(os.getpid())) == before + 1
    for one in afterwards._reapers.values():
        os.close(one.pipe)


def test_a_reaper_is_nobodys_child_and_holds_no_key_and_no_open_file_of_its_driver(tmp_path: Path) -> None:
    driver = drive(tmp_path, PEERCYCLE_CANARY="key-5f1c")
    (found,) = reapers(driver.pid)
    stat = Path(f"/proc/{found}/stat").read_text().rpartition(")")[2].split()
    assert int(stat[1]) != driver.pid, "its parent"
    assert os.getsid(found) != os.getsid(driver.pid)
    assert b"key-5f1c" not in Path(f"/proc/{found}/environ").read_bytes()
    # A reader of the driver's output would else wait for the reaper's end, too.
    assert {str(Path(f"/proc/{found}/fd/{number}").readlink()) for number in (0, 1, 2)} == {"/dev/null"}
    assert Path(f"/proc/{found}/cwd").readlink() == Path("/")
    driver.communicate("")
    assert gone(driver.pid)


@pytest.mark.parametrize(
    "also", [(), (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)], ids=["alone", "with its group"]
)
def test_what_a_killed_driver_left_is_removed_and_what_others_hold_is_not(
    killed: tuple[subprocess.Popen[str], Path, str], also: tuple[signal.Signals, ...]
) -> None:
    driver, state, owner = killed
    others = "executions/1-1-dd"  # dead as well, and none of its business
    for name in (f"executions/{owner}aa", f"executions/.new-{owner}bb", others):
        (state / name).mkdir(parents=True)
        (state / name / "owner.json").write_text("{}")
    for bait in (f"{BAIT}{owner}cc", f"{BAIT}{new_execution()}"):
        (state / bait).write_text("secret")
    (found,) = reapers(driver.pid)
    driver.kill()
    for number in also:
        os.kill(found, number)
    driver.communicate()
    assert gone(driver.pid)
    assert list((state / "executions").iterdir()) == [state / others]
    assert [path.name.startswith(f"{BAIT}{os.getpid()}-") for path in state.glob(f"{BAIT}*")] == [True]


def test_a_reaper_runs_this_package_from_wherever_its_driver_has_it_and_nothing_that_lies_beside(
    tmp_path: Path,
) -> None:
    (tmp_path / "a:b").mkdir()
    (tmp_path / "a:b" / "peercycle").symlink_to(Path(peercycle.__file__).parent)
    (tmp_path / "a:b" / "contextlib.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    program = f"import sys; sys.path += ['a:b']{DRIVER}"
    asked = [sys.executable, "-I", "-S", "-c", program, str(tmp_path / "state")]
    with subprocess.Popen(asked, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        assert driver.stdout.readline() == "up\n"
        (tmp_path / "state" / "executions" / f"{driver.pid}-{start_time(driver.pid)}-aa").mkdir(parents=True)
        driver.kill()
    assert gone(driver.pid)
    assert list((tmp_path / "state" / "executions").iterdir()) == []
    assert not (tmp_path / "ran").exists()


def test_a_lock_that_a_child_of_the_driver_inherited_keeps_nothing(
    killed: tuple[subprocess.Popen[str], Path, str],
) -> None:
    import fcntl

    driver, state, owner = killed
    (state / "executions" / f"{owner}aa").mkdir(parents=True)
    with (state / "executions" / f"{owner}aa" / "owner.json").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        driver.kill()
        driver.communicate()
        assert gone(driver.pid)
    assert list((state / "executions").iterdir()) == []


def test_the_groups_of_a_killed_driver_go_where_its_folder_is_gone_already(
    killed: tuple[subprocess.Popen[str], Path, str],
) -> None:
    driver, _, owner = killed
    hierarchy = cgroups.find()
    if hierarchy is None:
        pytest.skip("needs a cgroup: run as root, or in a delegated scope")
    group = cgroups.group_in(hierarchy, f"{owner}aa")
    cgroups.create(group, memory_bytes=64 << 20, processes=8)
    driver.kill()
    driver.communicate()
    assert gone(driver.pid)
    assert [path for path in group.paths if path.exists()] == []


def test_a_reaper_that_was_killed_is_started_again_and_told_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(afterwards, "_reapers", {})
    before = set(reapers(os.getpid()))
    afterwards.reap_at_death(tmp_path / "one")
    (first,) = set(reapers(os.getpid())) - before
    os.kill(first, signal.SIGKILL)
    while start_time(first) is not None:
        time.sleep(0.01)
    afterwards.reap_at_death(tmp_path / "two")
    assert len(set(reapers(os.getpid())) - before - {first}) == 1
    (only,) = afterwards._reapers.values()
    assert [state for state, _, _ in only.places] == [str(tmp_path / "one"), str(tmp_path / "two")]
    os.close(only.pipe)


def test_a_daemon_that_is_down_keeps_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estate, "PATIENCE_S", 0.5)
    (tmp_path / "executions" / "7-7-aa").mkdir(parents=True)
    estate.settle("7-7-", [(str(tmp_path), f"unix://{tmp_path}/none.sock", [])])
    assert list((tmp_path / "executions").iterdir()) == []


def test_what_was_said_before_a_driver_died_is_heard_where_it_is_dead_already(tmp_path: Path) -> None:
    listening, said = os.pipe()
    os.write(said, json.dumps([str(tmp_path), None, []]).encode() + b"\n")
    # Another process has its number: this one, which began at another time.
    assert reaper.hear_until_dead(os.getpid(), "1", listening) == [[str(tmp_path), None, []]]
    os.close(listening)
    os.close(said)


def test_a_reaper_that_cannot_be_started_is_an_error_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(afterwards, "_reapers", {})
    monkeypatch.setattr(sys, "executable", str(tmp_path / "absent"))
    with pytest.raises(SandboxError, match="cannot start the process that cleans up after this one"):
        afterwards.reap_at_death(tmp_path)


@pytest.mark.parametrize("planted", ["a pipe", "a link", "somebody's label", "a group elsewhere"])
def test_reaping_believes_no_label_that_another_may_have_laid(
    planted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "executions" / "1-1-aa"
    root.mkdir(parents=True)
    label, group = root / "owner.json", tmp_path / "peercycle-x"
    group.mkdir()
    waiting = subprocess.Popen(["sleep", "60"])
    (group / "cgroup.procs").write_text(f"{waiting.pid}\n")
    said = json.dumps({"cgroups": [str(group)]})
    try:
        if planted == "a pipe":
            os.mkfifo(label)
        elif planted == "a link":
            (tmp_path / "secret").write_text(said)
            label.symlink_to(tmp_path / "secret")
        else:
            label.write_text(said)
        if planted == "somebody's label":
            monkeypatch.setattr("os.geteuid", lambda: 54321)
        reap.reap(tmp_path)
        assert waiting.poll() is None
        assert root.exists() == (planted != "a group elsewhere")
        assert bool(leftovers(tmp_path)) is False
    finally:
        waiting.kill()
        waiting.wait()
