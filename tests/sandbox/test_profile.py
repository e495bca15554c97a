"""What only the bubblewrap profile promises: what a process is, and what its C library is told."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest

from peercycle.sandbox import place, profile, variables
from peercycle.sandbox.fetching import materials
from peercycle.sandbox.protections import ALL, MEANING, Protection

if TYPE_CHECKING:
    from tests.sandbox.conftest import Harness


@pytest.mark.parametrize("mode", ["harness", "watched"])
def test_a_process_holds_no_privilege_and_can_gain_none(mode: str, request: pytest.FixtureRequest) -> None:
    said = request.getfixturevalue(mode).said("""
import os
fields = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
print(fields["CapEff"], fields["CapPrm"], fields["CapBnd"], fields["NoNewPrivs"], fields["Seccomp"], os.getuid())
""")
    assert said.split() == ["0" * 16, "0" * 16, "0" * 16, "1", "2", "1000"]


def test_clone3_is_answered_so_that_the_c_library_falls_back(harness: Harness) -> None:
    said = harness.said("""
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall(435, 0, 0)
print(errno.errorcode[ctypes.get_errno()])
""")
    assert said == "ENOSYS"


def test_memory_that_hides_itself_once_it_is_unmapped_cannot_be_made(watched: Harness) -> None:
    said = watched.said("""
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
print(libc.syscall(447, 0), errno.errorcode[ctypes.get_errno()])
""")
    assert said == "-1 EPERM"


def test_pages_that_no_limit_counts_are_not_handed_out(watched: Harness) -> None:
    said = watched.said("""
import errno, mmap, os
def asked(act):
    try:
        return act() and "taken"
    except OSError as error:
        return errno.errorcode[error.errno]
huge = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000
print(asked(lambda: mmap.mmap(-1, 2 << 20, huge)), asked(lambda: os.memfd_create("x", 4)))
""")
    assert said == "EPERM EPERM"


def test_no_page_is_moved_into_a_pipe_and_programs_that_would_do_so_copy_instead(harness: Harness) -> None:
    said = harness.said("""
import errno, os, shutil
open("a", "w").write("copied")
file, (ends, into) = os.open("a", os.O_RDONLY), os.pipe()
def asked(act):
    try:
        return act() and "moved"
    except OSError as error:
        return errno.errorcode[error.errno]
print(asked(lambda: os.splice(file, into, 1)), asked(lambda: os.sendfile(into, file, 0, 1)))
shutil.copyfile("a", "b")
print(open("b").read())
""")
    assert said == "EINVAL EINVAL\ncopied"


TAKE = """
import ctypes, errno, fcntl, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
file, mb = os.open("f", os.O_CREAT | os.O_RDWR), 1 << 20
def asked(how):
    try:
        if how < 0x1000:
            if libc.fallocate(file, how, 0, 18 * mb) < 0:
                raise OSError(ctypes.get_errno(), "")
        else:
            fcntl.ioctl(file, how, struct.pack("hhqqiI4i", 0, 0, 0, 18 * mb, 0, 0, 0, 0, 0, 0))
        return f"{how:#x} took {os.fstat(file).st_blocks >> 11} MB"
    except OSError as error:
        return errno.errorcode[error.errno]
print(*(asked(how) for how in (0, 1, 0x10, 0x11, 0x40305828, 0x4030582A, 0x40305839)))
"""


def test_disk_space_over_the_limit_cannot_be_taken_at_once_by_asking_for_it(harness: Harness) -> None:
    """18 MB of 16, before the next look: reserved beyond a file's end, which its largest size does not limit."""
    assert set(harness.said(TAKE).split()) == {"ENOTSUP"}


def test_a_program_may_reserve_what_it_then_writes_and_give_disk_space_back(harness: Harness) -> None:
    said = harness.said("""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
file = os.open("f", os.O_CREAT | os.O_RDWR)
os.posix_fallocate(file, 0, 1 << 20)
held = os.fstat(file).st_blocks >> 11
given = libc.fallocate(file, 3, 0, 1 << 20)
print(held, given, os.fstat(file).st_blocks >> 11, os.fstat(file).st_size >> 20)
""")
    assert said == "1 0 0 1"


def test_a_standard_input_larger_than_the_disk_limit_is_read_to_its_end_and_counts_for_nothing(
    harness: Harness,
) -> None:
    program = "import sys, time; print(len(sys.stdin.buffer.read()) >> 20); open('f', 'wb').write(bytes(15 << 20))"
    assert harness.said(program + "; time.sleep(0.5)", stdin=harness.bodies.add(bytes(17 << 20))) == "17"


def test_every_protection_says_what_it_is() -> None:
    assert set(MEANING) == set(get_args(Protection)) == ALL


@pytest.mark.parametrize(("beyond", "fits"), [(0, True), (2000, False)])
def test_bubblewrap_takes_the_most_that_a_request_may_hold_all_together(
    harness: Harness, tmp_path: Path, beyond: int, fits: bool
) -> None:
    """It counts what it is told. It is told of a folder that is not there, and so ends as soon as it has counted."""
    view = profile.View(
        work=Path("/no-such-folder"),
        etc=Path("/no-such-folder"),
        inputs=((Path("/x"), "x"),) * (place.MAX_TOP_LEVEL + materials.MOST_DATA),
        binds=((Path("/x"), "/x"),) * 10,
        variables={f"V{n}": "" for n in range(variables.MAX_VARIABLES)},
        argv=("x",) * (variables.MAX_ARGUMENTS + beyond),
        memory_mb=64,
        processes=8,
    )
    told = tmp_path / "told"
    told.write_bytes(profile.packed(profile.options(view, frozenset())))
    with told.open("rb") as file:
        command = [harness.settings.bwrap, "--args", str(file.fileno()), "--", *profile.program(view)]
        done = subprocess.run(
            command, check=False, pass_fds=[file.fileno()], capture_output=True, text=True, timeout=60
        )
    assert ("Exceeded maximum number of arguments" not in done.stderr) is fits
    assert done.returncode == 1
