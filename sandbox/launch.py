"""The last step before bubblewrap: a process of its own that gives up what the program must not have.

Run as a script, `python -I -S launch.py PARENT PLAN`, with the standard library only. It joins its cgroups, sets
its limits, becomes an unprivileged user, ties its life to its parent's, and becomes bubblewrap. It is a process
and no `preexec_fn`, because code between fork and exec is unsafe in a program that has threads. Every import here
is paid for at every start: hence the plan by `marshal`, which is built in, and from the same Python.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import resource
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
FAILED = 120
"""Exit code of a launcher that could not do all of its plan."""


def main(argv: list[str]) -> None:
    """Do the plan in `argv[2]` (marshal, as hexadecimal digits) and become its program; `argv[1]` is the process to die with."""
    parent, plan = int(argv[1]), marshal.loads(bytes.fromhex(argv[2]))  # noqa: S302  # our own parent wrote it
    try:
        prepare(parent, plan)
        os.execve(plan["argv"][0], plan["argv"], plan["environment"])  # noqa: S606  # no shell is the point
    except OSError as error:
        sys.stderr.write(f"launch: {error}\n")
        sys.exit(FAILED)


def prepare(parent: int, plan: dict[str, Any]) -> None:
    """Give up privileges, in the order in which each step is still allowed."""
    os.umask(0o022)
    for group in plan["cgroups"]:
        # Not pathlib: its import costs a tenth of the whole start.
        joined = os.open(f"{group}/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
        os.write(joined, str(os.getpid()).encode())
        os.close(joined)
    for name, value in plan["rlimits"].items():
        _limit(getattr(resource, name), value)
    if plan["uid"] is not None:
        os.setgroups([])
        os.setresgid(plan["uid"], plan["uid"], plan["uid"])
        os.setresuid(plan["uid"], plan["uid"], plan["uid"])
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot set no_new_privs")
    # After the change of user, which would clear it. The kernel ties it to the thread that forked us.
    if plan["die_with_parent"]:
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "cannot set the parent death signal")
        if os.getppid() != parent:
            sys.exit(FAILED)


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


if __name__ == "__main__":
    main(sys.argv)
