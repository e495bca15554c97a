"""Starting bubblewrap: the launcher's plan, the descriptors it hands on, and nothing else."""

from __future__ import annotations

import marshal
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from peercycle.core.errors import SandboxUnavailableError
from peercycle.core.sandboxing import Limits
from peercycle.sandbox import launch, seccomp
from peercycle.sandbox.cgroups import Group
from peercycle.sandbox.processes import LABEL
from peercycle.sandbox.profile import View, options, packed, program
from peercycle.sandbox.protections import Protection, Weakening

INSTALL = "install bubblewrap 0.8 or newer (Debian and Ubuntu: apt install bubblewrap libseccomp2)"


@dataclass(frozen=True, slots=True)
class Start:
    """All that decides how one program is started."""

    bwrap: str
    execution: str
    view: View
    limits: Limits
    uid: int | None
    group: Group | None
    stdin: Path | None
    without: Weakening = frozenset()

    def __call__(self, report: int, *, wrap: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """Start the launcher, which becomes bubblewrap and reports on the descriptor `report`.

        `wrap` is a command to start it through, with `PARENT` in the launcher's place for its own process.
        """
        temporary = tempfile.TemporaryFile
        with temporary() as args, temporary() as rules, temporary() as plan, self._stdin() as stdin:
            _fill(args, packed(options(self.view, self.without)))
            command = [self.bwrap, "--args", str(args.fileno()), "--json-status-fd", str(report)]
            passed = [args.fileno(), report]
            if "arguments_hidden" in self.without:
                command[1:3] = options(self.view, self.without)
            if "closed_descriptors" in self.without:
                passed += [each for each in _open() if os.get_inheritable(each)]
            if "seccomp" not in self.without:
                _fill(rules, seccomp.filter_program())
                command += ["--seccomp", str(rules.fileno())]
                passed.append(rules.fileno())
            command += ["--", *program(self.view)]
            _fill(plan, marshal.dumps(self.plan(command)))
            passed.append(plan.fileno())
            launcher = [sys.executable, "-I", "-S", launch.__file__]
            return subprocess.Popen(
                [*wrap, *launcher, "PARENT" if wrap else str(os.getpid()), str(plan.fileno())],
                stdin=None if "empty_stdin" in self.without else stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._environment(),
                cwd="/",
                close_fds=True,
                pass_fds=passed,
                start_new_session="own_session" not in self.without,
            )

    def plan(self, command: list[str]) -> dict[str, object]:
        """Return what the launcher is to do before it becomes a command."""
        return {
            "cgroups": [] if self.group is None else [str(path) for path in self.group.paths],
            "rlimits": rlimits(self.limits, self.without),
            "uid": self.uid,
            "argv": command,
            "environment": self._environment(),
            "die_with_parent": "die_with_parent" not in self.without,
            "kill_orphans": "group_kill" not in self.without,
        }

    def _environment(self) -> dict[str, str]:
        """Return bubblewrap's own environment: the program reads it in /proc/1/environ, whatever it was told."""
        clean = {"PATH": "/usr/bin:/bin", LABEL: self.execution}
        return {**os.environ, **clean} if "clean_environment" in self.without else clean

    def _stdin(self) -> BinaryIO:
        """Open what the program reads, and take its name away.

        An ordinary user's program is its owner, and may write into it by /proc/self/fd/0: that is found by the look at
        files without a name, and counts.
        """
        opened = (self.stdin or Path(os.devnull)).open("rb")
        if self.stdin is not None:
            self.stdin.unlink()
        return opened


def rlimits(limits: Limits, without: Weakening) -> dict[str, int]:
    """Return the limits of each process; those of the whole execution are kept by cgroup and watch."""
    cpu = limits.cpu_s if limits.cpu_s is not None else limits.wall_s * (os.cpu_count() or 1)
    kept: dict[Protection, tuple[str, int]] = {
        "cpu_limit": ("RLIMIT_CPU", max(1, int(cpu + 0.999))),
        "open_files_limit": ("RLIMIT_NOFILE", limits.open_files),
        "core_limit": ("RLIMIT_CORE", 0),
        "file_size_limit": ("RLIMIT_FSIZE", limits.disk_mb << 20),
    }
    return dict(limit for protection, limit in kept.items() if protection not in without)


def _open() -> list[int]:
    return [int(name) for name in os.listdir("/proc/self/fd") if int(name) > 2 and _is_open(int(name))]  # noqa: PTH208


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:  # the listing's own
        return False
    return True


def _fill(file: BinaryIO, data: bytes) -> None:
    file.write(data)
    file.flush()
    file.seek(0)


def find_bwrap(name: str) -> str:
    """Return bubblewrap's path. Raises `SandboxUnavailableError` where it is not installed."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/bin:/bin")
    if found is None:
        raise SandboxUnavailableError(f"no bubblewrap ({name!r} is not on PATH): {INSTALL}")
    return found
