"""The process that outlives a driver, so that a killed one leaves nothing behind.

Run as a script, `python -I -S -B reaper.py DRIVER BEGAN SAID ROOT`, with the standard library only: it waits for the
process DRIVER, which began at BEGAN (clock ticks since boot), and hears meanwhile on the descriptor SAID where that
keeps its executions. What is left then is removed, by modules of this package below the folder ROOT. Only those: the
driver's own `sys.path` may hold folders into which others write, and what they write there would run hours later.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def main(argv: list[str]) -> None:
    """Wait for the driver's end, as nobody's child: one that waits for all its children must not wait for this."""
    driver, began, said, root = int(argv[1]), argv[2], int(argv[3]), argv[4]
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        # Who ends a service or a session sends these to all that is left of it, which is when this has its work to do.
        signal.signal(number, signal.SIG_IGN)
    if os.fork():
        os._exit(0)
    places = hear_until_dead(driver, began, said)
    # Only now: it would wait with 5 MB more.
    sys.path.append(root)
    from peercycle.sandbox import estate

    estate.settle(f"{driver}-{began}-", places)


def hear_until_dead(driver: int, began: str, said: int) -> list[Any]:
    """Return the places that a process named, once it has ended, killed or not."""
    heard = bytearray()
    poll = select.poll()
    poll.register(said, select.POLLIN)
    watched = _opened(driver, began)
    if watched >= 0:
        poll.register(watched, select.POLLIN)
    while True:
        # Without a process to watch, what it had said before it died is there already.
        ready = {number for number, _ in poll.poll(None if watched >= 0 else 0)}
        data = os.read(said, 1 << 16) if said in ready else b""
        heard += data
        if said in ready and not data:
            poll.unregister(said)
        if not data and (watched in ready or watched < 0):
            return [json.loads(line) for line in heard.split(b"\n")[:-1]]


def _opened(pid: int, began: str) -> int:
    """Return a descriptor that tells of a process's end; -1 where it has ended."""
    try:
        watched = os.pidfd_open(pid)
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:  # noqa: PTH123  # pathlib is dear
            # Another process may have its number by now.
            return watched if stat.read().rpartition(")")[2].split()[19] == began else -1
    except OSError:
        return -1


if __name__ == "__main__":
    main(sys.argv)
