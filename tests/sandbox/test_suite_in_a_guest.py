"""cgroup version 2, as root, in a guest with Debian's kernel: all rows that it decides, and the red ones of both controllers."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from tests.fixtures.guest import missing, run_in_guest

from peercycle.plugins.testing.sandbox_suite import ROWS

pytestmark = [pytest.mark.prove(rank=95), pytest.mark.timeout(1800)]


def test_the_suite_holds_with_cgroup_version_2(repository: Path) -> None:
    if (reason := missing()) is not None:
        pytest.skip(reason)
    program = (Path(__file__).parent / "guest_program.py").read_text()
    with tempfile.TemporaryDirectory(prefix="peercycle-guest-", dir="/var/tmp") as folder:
        told = run_in_guest(Path(folder), repository / "src" / "peercycle", program)
    assert told[0]["cgroups"] == 2, told[0]
    rows = [line for line in told if "row" in line]
    assert len({line["row"] for line in rows} & set(ROWS)) >= 20
    assert [line for line in rows if line["error"] or line["skip"]] == []
    assert [line for line in rows if not line["without"] and line["found"]] == []
    red = [line for line in rows if line["without"]]
    assert len(red) >= 8
    assert [line for line in red if not line["found"]] == []
    assert told[-1] == {"left": []}
