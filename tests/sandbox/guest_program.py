"""Run in a guest as root: what of the suite control groups of version 2 decide, on bubblewrap, a JSON line for each row.

An emulated machine is slow, and slower where its host is busy: what a program may take is measured first. Rows that no
control group touches are left to the suite outside.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

GREEN = (
    "benign_work_goes_through",
    "a_result_says_what_it_took",
    "a_spin_ends_by_the_clock",
    "a_timeout_leaves_no_process",
    "cancellation_leaves_no_process_at_all",
    "a_driver_killed_by_signal_9_takes_its_program_along",
    "memory_in_a_file_of_no_folder_counts",
    "memory_of_a_process_that_shuts_itself_off_counts",
    "memory_shared_between_processes_counts",
    "processor_time_is_limited",
    "twenty_at_a_time_keep_their_own_limits",
)
"""Rows that have to hold with all protections: memory in all its forms, timeout told from oom, nothing left behind."""
RED: dict[str, tuple[str, ...]] = {
    "a_fork_bomb_stops_at_the_limit": ("process_limit",),
    "threads_count_as_processes": ("process_limit",),
    "memory_over_the_limit_is_oom": ("memory_limit",),
    "memory_of_many_processes_counts_together": ("memory_limit",),
    "memory_backed_folders_count_as_memory": ("memory_limit",),
    "a_daemon_does_not_outlive_its_program": ("pid_namespace", "group_kill"),
}
"""Rows that have to hold, and without these protections have to fail: the limits, and the kill of a whole group."""
ALONE = {"a_daemon_does_not_outlive_its_program": ("pid_namespace",)}
"""Rows that have to hold by the control group alone."""


def plan() -> list[tuple[str, tuple[str, ...], bool]]:
    """Return each run of a row: its name, what is removed, and whether its attack is to succeed."""
    return [
        *((row, (), False) for row in (*GREEN, *RED)),
        *((row, without, False) for row, without in ALONE.items()),
        *((row, without, True) for row, without in RED.items()),
    ]


def patience_s() -> float:
    """Return what a program may take here: twenty seconds where an interpreter starts in a twentieth of one."""
    began = time.monotonic()
    for _ in range(3):
        subprocess.run(["/usr/bin/python3", "-I", "-S", "-c", "import json"], check=True)
    return max(20.0, 400 * (time.monotonic() - began) / 3)


if __name__ == "__main__":
    os.environ["PEERCYCLE_SUITE_WALL_S"] = f"{patience_s():.1f}"

from peercycle.core.sandboxing import ProbeResult  # noqa: E402
from peercycle.plugins.testing.attacks import AttackContract  # noqa: E402
from peercycle.plugins.testing.sandbox_suite.ground import WALL_S  # noqa: E402
from peercycle.sandbox import cgroups  # noqa: E402
from peercycle.sandbox.bubblewrap import BubblewrapSandbox, BubblewrapSettings  # noqa: E402


class Unasked(BubblewrapSandbox):
    """Bubblewrap, whole, without its canaries: they run side by side against a clock that is not this machine's."""

    async def probe(self) -> ProbeResult:
        return ProbeResult(backend=self.name, version="not asked", available=True)


class OnBubblewrap(AttackContract):
    kind = "bubblewrap as root"
    requires = frozenset()

    def sandbox(self) -> Any:
        return Unasked(BubblewrapSettings(state_dir=self.state))

    def weakened(self, without: Any) -> Any:
        return BubblewrapSandbox.weakened(BubblewrapSettings(state_dir=self.state), without)


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    hierarchy = cgroups.find()
    say(kernel=platform.release(), cgroups=None if hierarchy is None else hierarchy.version, wall_s=WALL_S)
    contract = OnBubblewrap()
    for row, without, _ in plan():
        began = time.monotonic()
        try:
            answer = contract.worker().ask({"row": row, "without": without}, timeout_s=10 * WALL_S)
            told = {"found": answer.found, "error": answer.error or answer.skip}
        except TimeoutError as error:
            told = {"found": (), "error": str(error)}
        left = [path.name for path in Path("/sys/fs/cgroup").glob(f"{cgroups.PREFIX}*")]
        say(row=row, without=without, **told, left=left, took_s=round(time.monotonic() - began, 1))
    contract.teardown_class()


if __name__ == "__main__":
    main()
