"""The labels that say whose a container is, and whether that driver still lives."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from peercycle.sandbox.processes import namespace_of, start_time

EXECUTION = "peercycle.execution"
DRIVER, STARTED, BOOT, NAMESPACE, UNTIL = (
    "peercycle.driver",
    "peercycle.driver-started",
    "peercycle.boot",
    "peercycle.pid-namespace",
    "peercycle.until",
)


def labels(execution: str, lasts_s: float) -> dict[str, str]:
    """Return what is written on a container: this process, and when nobody can want the container any more."""
    pid = os.getpid()
    return {
        EXECUTION: execution,
        DRIVER: str(pid),
        STARTED: str(start_time(pid)),
        BOOT: _boot(),
        NAMESPACE: str(namespace_of("self")),
        UNTIL: str(int(time.time() + lasts_s)),
    }


def is_dead(found: Mapping[str, str]) -> bool:
    """Whether the driver that wrote these labels is surely gone.

    A process id means something only on the boot and in the pid namespace it was read in; elsewhere the time decides.
    """
    if found.get(BOOT) == _boot() and found.get(NAMESPACE) == namespace_of("self"):
        pid = found.get(DRIVER, "")
        return not pid.isdigit() or str(start_time(int(pid))) != found.get(STARTED)
    until = found.get(UNTIL, "0")
    return not until.isdigit() or time.time() > int(until)


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
