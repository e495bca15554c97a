"""The process that outlives a driver, so that a killed one leaves nothing behind.

Run as a script, `python -I -S keeper.py DRIVER BEGAN STATE COMMAND…`, with the standard library only: it waits for the
process DRIVER, which began at BEGAN (clock ticks since boot), and holds little memory meanwhile. Is there nothing of it
in the folder STATE then, as after every end but a kill, this ends too; else it becomes COMMAND, which removes.
"""

from __future__ import annotations

import os
import select
import sys


def main(argv: list[str]) -> None:
    """Wait for the driver's end, as nobody's child: a driver that waits for all its children must not wait for this."""
    driver, began, state, *command = argv[1:]
    if os.fork():
        os._exit(0)
    os.setsid()
    wait_for(int(driver), began)
    if left(state, f"{driver}-{began}-"):
        os.execv(command[0], command)  # noqa: S606  # no shell is the point


def wait_for(pid: int, began: str) -> None:
    """Return when a process has ended, killed or not."""
    try:
        watched = os.pidfd_open(pid)
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:  # noqa: PTH123  # pathlib is dear
            if stat.read().rpartition(")")[2].split()[19] != began:
                return  # another process has its number by now
    except OSError:
        return
    select.select([watched], [], [])


def left(state: str, owner: str) -> list[str]:
    """Return what is still there of a driver, by name: executions, those in the making too, and what probes laid out."""
    found = []
    for folder, prefixes in ((f"{state}/executions", ("", ".new-")), (state, ("canary-",))):
        try:
            names = os.listdir(folder)  # noqa: PTH208
        except OSError:
            continue
        found += [name for name in names if name.startswith(tuple(prefix + owner for prefix in prefixes))]
    return found


if __name__ == "__main__":
    main(sys.argv)
