"""cgroup version 2, as root, in a guest with Debian's kernel: the rows of the suite that it decides, green and red."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from tests.fixtures.guest import missing, run_in_guest
from tests.sandbox import guest_program

pytestmark = [pytest.mark.prove(rank=95), pytest.mark.timeout(1800)]


def test_the_suite_holds_with_cgroup_version_2(repository: Path) -> None:
    if (reason := missing()) is not None:
        pytest.skip(reason)
    program = Path(guest_program.__file__).read_text()
    with tempfile.TemporaryDirectory(prefix="peercycle-guest-", dir="/var/tmp") as folder:
        told = run_in_guest(Path(folder), repository / "src" / "peercycle", program)
    print(*told, sep="\n")
    assert told[0]["cgroups"] == 2, told[0]
    rows = [line for line in told if "row" in line]
    assert [line for line in rows if line["error"]] == []
    seen = [(line["row"], tuple(line["without"]), bool(line["found"])) for line in rows]
    assert seen == guest_program.plan()
    # A group is kept where its kill was taken away, and nowhere else: that row is the last.
    assert [line for line in rows if line["left"] and "group_kill" not in line["without"]] == []
