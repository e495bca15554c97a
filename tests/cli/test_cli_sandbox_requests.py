"""What `peercycle sandbox exec` is asked for in vain: said on one line, before anything runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--file", "/dev/zero"), "--file /dev/zero: it is no regular file; name a file"),
        (("--file", "pipe"), "--file pipe: it is no regular file; name a file"),
        (("--file", "."), "--file .: it is a folder; name a file"),
        (("--file", "large"), "--data large=large"),
        (("--data", "x=/dev/zero"), "--data /dev/zero: it is no regular file; name a file"),
        (("--data", "../x=given"), "'^[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}$'"),
        (("--data", "x=https://example.org/x#sha256=00"), "64 hexadecimal digits in small letters"),
        (("--limit", "wall_s"), "--limit wall_s: write wall_s=NUMBER"),
        (("--limit", "wall_z=3"), "write NAME=NUMBER with NAME one of wall_s"),
    ],
)
def test_what_cannot_be_lent_or_limited_is_refused(
    peercycle: Command, folder: Path, asked: tuple[str, str], said: str
) -> None:
    _needs_a_sandbox(peercycle)
    os.mkfifo(folder / "pipe")
    (folder / "given").write_text("x")
    with (folder / "large").open("wb") as large:
        large.truncate(257 << 20)
    done = peercycle("sandbox", "exec", *asked, "--", "true")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert said in done.err


def test_a_folder_that_can_keep_nothing_is_told_before_the_program_runs(peercycle: Command, folder: Path) -> None:
    _needs_a_sandbox(peercycle)
    (folder / "file").write_text("stays")
    done = peercycle("sandbox", "exec", "--save", "file", "--out", "a", "--", "sh", "-c", "echo ran; echo > a")
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert "keep outputs in" in done.err
    assert (folder / "file").read_text() == "stays"


def test_outputs_that_were_not_written_are_said_to_be_missing(peercycle: Command, folder: Path) -> None:
    _needs_a_sandbox(peercycle)
    done = peercycle("sandbox", "exec", "--out", "a.json", "--out", "*.png", "--", "true")
    assert (done.code, done.err.splitlines()[-1]) == (
        0,
        "nothing collected: it wrote nothing that is called a.json or *.png",
    )


def test_a_mistake_of_the_requests_author_is_a_mistake_of_usage(peercycle: Command, folder: Path) -> None:
    _needs_a_sandbox(peercycle)
    done = peercycle("sandbox", "exec", "--out", "../a", "--", "true")
    assert (done.code, done.err.count("\n")) == (2, 1)


@pytest.fixture
def open_state() -> Iterator[Path]:
    """Yield a folder into which the users of executions may go, too."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_program_and_leaves_nothing_behind(
    peercycle: Command, folder: Path, open_state: Path, number: signal.Signals
) -> None:
    _needs_a_sandbox(peercycle)
    place = ("--backend", "bubblewrap", "--set", f"sandboxes.bubblewrap.state_dir={open_state}")
    if peercycle("sandbox", "probe", *place, "--json").code:
        pytest.skip("needs bubblewrap: see `peercycle doctor`")
    command = [sys.executable, "-m", "peercycle", "sandbox", "exec", *place, "--", "sh", "-c", "echo begun; sleep 60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        assert list((open_state / "executions").iterdir())
        process.send_signal(number)
        assert process.wait(timeout=60) == 128 + number
    assert not list((open_state / "executions").iterdir())


def _needs_a_sandbox(peercycle: Command) -> None:
    if peercycle("sandbox", "probe", "--json").code:
        pytest.skip("needs a sandbox that passes its probe: see `peercycle doctor`")
