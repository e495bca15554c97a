"""Run the long proofs for at most so many minutes, and say which of them the limit cut off.

Exit code: 0 when every proof that ran passed, also when some were cut off or there are none; else not 0.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence

import pytest

GRACE_S = 60
"""What an interrupted proof has for its own clean-up."""

BY_ITSELF_S = 1800
"""The time-out of a proof that names none of its own."""


class Ledger:
    """Which proofs are left, and which failed, as pytest goes along; keeps the time."""

    def __init__(self, limit_s: float, workers: int) -> None:
        self.limit_s = limit_s
        self.left: dict[str, None] = {}
        self.failed: list[str] = []
        self.cut = False
        self.workers = workers
        self.collected = 0
        # pytest captures file descriptor 1 while a proof runs; what is said of a stuck one must get past that.
        self.out = os.fdopen(os.dup(1), "w")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Start the clock, where one process collects and runs."""
        if session.items:
            self._start([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Start the clock, where workers collect and run: nothing is run before the last of them has collected."""
        self.collected += 1
        if self.collected == self.workers:
            self._start(ids)

    def _start(self, ids: Sequence[str]) -> None:
        self.left = dict.fromkeys(ids)
        for delay_s, end in ((self.limit_s, self._interrupt), (self.limit_s + GRACE_S, self._give_up)):
            timer = threading.Timer(delay_s, end)
            timer.daemon = True
            timer.start()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Strike a proof off the list."""
        if report.failed:
            self.failed.append(report.nodeid)
        if report.when == "teardown":
            self.left.pop(report.nodeid, None)

    def _interrupt(self) -> None:
        if self.left:
            self.cut = True
            # To the main thread, so that a system call it waits in is interrupted too.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def _give_up(self) -> None:
        if self.left:
            self._say(f"A proof did not end within {GRACE_S} s of its interruption")
            os._exit(self.close(pytest.ExitCode.INTERRUPTED))

    def _say(self, line: str) -> None:
        print(line, file=self.out, flush=True)

    def close(self, code: int) -> int:
        """Print what was cut off; the exit code of the whole."""
        if self.cut:
            self._say(f"Cut off by the time limit: {len(self.left)} proofs did not run to their end")
            for nodeid in self.left:
                self._say(f"  CUT {nodeid}")
        if self.failed:
            return 1
        interrupted_by_us = self.cut and code == pytest.ExitCode.INTERRUPTED
        nothing_to_prove = code == pytest.ExitCode.NO_TESTS_COLLECTED
        return 0 if interrupted_by_us or nothing_to_prove else code


def main() -> int:
    """Run pytest on the proofs, interrupt it at the limit, and close the ledger."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--workers", type=int, default=0, help="processes that prove side by side; 0: this one alone")
    options, rest = parser.parse_known_args()
    ledger = Ledger(60 * options.minutes, options.workers)
    arguments = ["-m", "prove", "-v", "-rfEs", "--no-fold-skipped", "-o", f"timeout={BY_ITSELF_S}"]
    if options.workers:
        # One proof at a time to each, in the order of their ranks: what is cut off are the last ones.
        arguments += ["-n", str(options.workers), "--dist", "load", "--maxschedchunk", "1"]
    return ledger.close(int(pytest.main([*arguments, *rest], plugins=[ledger])))


if __name__ == "__main__":
    sys.exit(main())
