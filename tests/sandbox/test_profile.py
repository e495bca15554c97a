"""What only the bubblewrap profile promises: what a process is, and what its C library is told."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, get_args

import pytest

from peercycle.core.sandboxing import Limits
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


def test_a_folder_closed_to_ourselves_cannot_hide_files_from_the_watch(harness: Harness) -> None:
    if os.geteuid() == 0:
        pytest.skip("needs an ordinary user: root reads every folder")
    program = "import os, time; os.mkdir('shut'); os.chmod('shut', 0o300); time.sleep(5)"
    assert harness.run(program, limits=Limits(wall_s=10, files=1000)).status == "disk_limit"


def test_every_protection_says_what_it_is() -> None:
    assert set(MEANING) == set(get_args(Protection)) == ALL
