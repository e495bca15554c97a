"""The launcher's guard: nothing that bubblewrap began outlives it."""

from __future__ import annotations

import marshal
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from peercycle.sandbox import launch

LEAVES_A_CHILD = """
import os, signal, sys
if os.fork() == 0:
    os.fork()
    open(f"{sys.argv[1]}/{os.getpid()}", "w").close()
    signal.pause()
while len(os.listdir(sys.argv[1])) < 2:
    pass
"""
"""As bubblewrap when it dies of its report before it lets its first process go on."""


@pytest.mark.parametrize("death", ["sys.exit(3)", "os.kill(os.getpid(), signal.SIGTERM)"])
def test_what_a_dead_bubblewrap_leaves_behind_is_killed_by_the_guard(tmp_path: Path, death: str) -> None:
    plan: dict[str, object] = {
        "argv": [sys.executable, "-I", "-S", "-c", LEAVES_A_CHILD + death, str(tmp_path)],
        "environment": {},
        "cgroups": [],
        "rlimits": {},
        "uid": None,
        "die_with_parent": True,
        "kill_orphans": True,
    }
    with tempfile.TemporaryFile() as file:
        file.write(marshal.dumps(plan))
        file.seek(0)
        command = [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), str(file.fileno())]
        done = subprocess.run(command, check=False, timeout=60, pass_fds=[file.fileno()])
    assert done.returncode == (3 if "exit" in death else -signal.SIGTERM)
    left = [int(path.name) for path in tmp_path.iterdir()]
    assert len(left) == 2
    alive = [pid for pid in left if Path(f"/proc/{pid}").exists()]
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
    assert alive == []
