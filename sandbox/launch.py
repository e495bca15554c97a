"""The last step before bubblewrap: a process of its own that gives up what the program must not have.

Run as a script, `python -I -S launch.py DRIVER PLAN`, with the standard library only. It joins its cgroups, sets
its limits, becomes an unprivileged user, and becomes bubblewrap, while its own parent stays to guard the driver's
life. It is a process and no `preexec_fn`, because code between fork and exec is unsafe in a program that has threads.
Every import is paid for at every start: hence the plan by `marshal`, which is built in, and from the same Python. It
is read from a descriptor, for one argument holds 128 KiB at most.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import resource
import select
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
FAILED = 120
"""Exit code of a launcher that could not do all of its plan."""


def main(argv: list[str]) -> None:
    """Do the plan (marshal) that can be read from the descriptor `argv[2]`, and die with the process `argv[1]`."""
    driver = int(argv[1])
    with open(int(argv[2]), "rb") as file:  # noqa: PTH123  # a descriptor
        plan = marshal.load(file)  # noqa: S302  # our own driver wrote it
    if not plan["die_with_parent"]:
        become(0, plan)
    watched = os.pidfd_open(driver)
    if os.getppid() != driver:
        sys.exit(FAILED)
    guard = os.getpid()
    _prctl(PR_SET_CHILD_SUBREAPER, 1, "become the parent of orphans")
    child = os.fork()
    if child == 0:
        become(guard, plan)
    stand_guard(child, watched, orphans=plan["kill_orphans"])


def become(guard: int, plan: dict[str, Any]) -> None:
    """Give up what the plan says and become its program."""
    try:
        prepare(guard, plan)
        os.execve(plan["argv"][0], plan["argv"], plan["environment"])  # noqa: S606  # no shell is the point
    except OSError as error:
        os.write(2, f"launch: {error}\n".encode())
    os._exit(FAILED)


def stand_guard(child: int, watched: int, *, orphans: bool) -> None:
    """Wait for bubblewrap's end, or for the driver's, and then kill bubblewrap; end as it ended.

    bubblewrap's own --die-with-parent is not enough: its first process inside arms it only after its set-up, and if
    the driver dies before that, it would go on and run the program with nobody watching. Or bubblewrap itself dies
    there, of a report that nobody reads, and its first process waits for it for ever: the guard inherits that one.
    """
    ended = os.pidfd_open(child)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(watched, select.POLLIN)
    if ended not in {ready for ready, _ in poll.poll()}:
        kill_tree(child)
    status = os.waitpid(child, 0)[1]
    if orphans:
        kill_orphans()
    if os.WIFSIGNALED(status):
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else FAILED)


def kill_tree(pid: int) -> None:
    """Kill a process and its descendants; each is stopped before it is looked at, so that it starts no other."""
    try:
        os.kill(pid, signal.SIGSTOP)
        for child in children(pid):
            kill_tree(child)
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, FileNotFoundError):
        return


def kill_orphans() -> None:
    """Kill what a dead child has left to this process, and wait until it is gone."""
    while left := children(os.getpid()):
        for pid in left:
            kill_tree(pid)
            os.waitpid(pid, 0)


def children(pid: int) -> list[int]:
    """Return the children of a process with one thread; complete where none of them ends meanwhile."""
    with open(f"/proc/{pid}/task/{pid}/children") as listed:  # noqa: PTH123  # pathlib is dear here
        return [int(child) for child in listed.read().split()]


def prepare(guard: int, plan: dict[str, Any]) -> None:
    """Give up privileges, in the order in which each step is still allowed."""
    os.umask(0o022)
    for group in plan["cgroups"]:
        # Not pathlib: its import costs a tenth of the whole start.
        joined = os.open(f"{group}/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
        os.write(joined, str(os.getpid()).encode())
        os.close(joined)
    for name, value in plan["rlimits"].items():
        # A second more until SIGKILL: the signal before it says what it is for, and the result is a timeout.
        _limit(getattr(resource, name), value, value + 1 if name == "RLIMIT_CPU" else value)
    _be_killed_first()
    if plan["uid"] is not None:
        os.setgroups([])
        os.setresgid(plan["uid"], plan["uid"], plan["uid"])
        os.setresuid(plan["uid"], plan["uid"], plan["uid"])
    _prctl(PR_SET_NO_NEW_PRIVS, 1, "set no_new_privs")
    # After the change of user, which would clear it.
    if guard:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL, "set the parent death signal")
        if os.getppid() != guard:
            os._exit(FAILED)


def _prctl(option: int, value: int, what: str) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"cannot {what}")


def _be_killed_first() -> None:
    """Make this process the one to go where the machine's memory ends.

    With CAP_SYS_RESOURCE that is also the least it can go back to: at -1000 no limit of a cgroup would kill it, and a
    program over its memory would hang until its time is up.
    """
    try:
        scored = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
        os.write(scored, b"500")
        os.close(scored)
    except OSError:
        # Where it may not even be raised, it is no lower than its driver's.
        return


def _limit(kind: int, soft: int, hard: int) -> None:
    most = resource.getrlimit(kind)[1]
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(kind, (soft, hard))


if __name__ == "__main__":
    main(sys.argv)
