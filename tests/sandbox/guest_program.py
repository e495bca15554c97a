"""Run in a guest as root: what of the suite control groups decide, on bubblewrap, a JSON line for each row.

An emulated machine is slow: so the canaries, which run side by side against a clock, are asked for nothing here, and
rows that no control group touches are left to the suite outside.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
from pathlib import Path
from typing import Any

from peercycle.plugins.testing.attacks import AttackContract
from peercycle.plugins.testing.sandbox_suite import ROWS
from peercycle.plugins.testing.sandbox_suite.ground import alive
from peercycle.sandbox import cgroups
from peercycle.sandbox.bubblewrap import BubblewrapSandbox, BubblewrapSettings

RED = {"memory_limit", "process_limit"}
SLOW = "twenty_at_a_time_keep_their_own_limits"
"""Twenty programs against a clock are too many for it."""
TOUCHED = {*RED, "group_kill", "die_with_parent", "disk_watch", "wall_clock"}


class OnBubblewrap(AttackContract):
    kind = "bubblewrap as root"
    requires = frozenset()

    def sandbox(self) -> Any:
        return BubblewrapSandbox(BubblewrapSettings(state_dir=self.state))

    def weakened(self, without: Any) -> Any:
        return BubblewrapSandbox.weakened(BubblewrapSettings(state_dir=self.state), without)

    def facts(self) -> dict[str, Any]:
        return {"holder": bwraps, "kill_holder": lambda found: os.kill(min(found), signal.SIGKILL)}


def bwraps(mark: str) -> list[int]:
    found = []
    for pid in alive(mark):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text() == "bwrap\n":
                found.append(pid)
    return found


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    hierarchy = cgroups.find()
    say(kernel=platform.release(), cgroups=None if hierarchy is None else hierarchy.version)
    contract = OnBubblewrap()
    for row in ROWS.values():
        needs = row.needs.get(contract.kind)
        named = set(needs) if isinstance(needs, tuple) else set()
        plain = row.name in ("benign_work_goes_through", "a_result_says_what_it_took")
        if row.name == SLOW or not (named & TOUCHED or plain):
            continue
        runs: list[list[str]] = [[]]
        if isinstance(needs, tuple) and set(needs) & RED:
            runs.append(sorted(needs))
        for without in runs:
            try:
                answer = contract.worker().ask({"row": row.name, "without": without}, timeout_s=400)
                say(row=row.name, without=without, found=answer.found, error=answer.error, skip=answer.skip)
            except TimeoutError as error:
                say(row=row.name, without=without, found=[], error=str(error), skip=None)
    left = [str(path) for path in Path("/sys/fs/cgroup").glob(f"{cgroups.PREFIX}*")]
    say(left=left)
    contract.teardown_class()


main()
