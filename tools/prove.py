"""Run the long proofs for at most so many minutes, and say which of them the limit cut off.

Exit code: 0 when every proof that ran passed, also when some were cut off or there are none; else not 0.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading

import pytest

GRACE_S = 60
"""What an interrupted proof has for its own clean-up."""

BY_ITSELF_S = 1800
"""The time-out of a proof that names none of its own."""


class Ledger:
    """Which proofs are left, and which failed, as pytest goes along."""

    def __init__(self) -> None:
        self.left: dict[str, None] = {}
        self.failed: list[str] = []
        self.cut = False
        # pytest captures file descriptor 1 while a proof runs; what is said of a stuck one must get past that.
        self.out = os.fdopen(os.dup(1), "w")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.left = dict.fromkeys(item.nodeid for item in session.items)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)
        if report.when == "teardown":
            self.left.pop(report.nodeid, None)

    def say(self, line: str) -> None:
        print(line, file=self.out, flush=True)

    def close(self, code: int) -> int:
        """Print what was cut off; the exit code of the whole."""
        if self.cut:
            self.say(f"Cut off by the time limit: {len(self.left)} proofs did not run to their end")
            for nodeid in self.left:
                self.say(f"  CUT {nodeid}")
        if self.failed:
            return 1
        interrupted_by_us = self.cut and code == pytest.ExitCode.INTERRUPTED
        nothing_to_prove = code == pytest.ExitCode.NO_TESTS_COLLECTED
        return 0 if interrupted_by_us or nothing_to_prove else code


def main() -> int:
    """Run pytest on the proofs, interrupt it at the limit, and close the ledger."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=40.0)
    options, rest = parser.parse_known_args()
    ledger = Ledger()

    def interrupt() -> None:
        ledger.cut = True
        # To the main thread, so that a system call it waits in is interrupted too.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def give_up() -> None:
        ledger.say(f"A proof did not end within {GRACE_S} s of its interruption")
        os._exit(ledger.close(pytest.ExitCode.INTERRUPTED))

    timers = [
        threading.Timer(60 * options.minutes, interrupt),
        threading.Timer(60 * options.minutes + GRACE_S, give_up),
    ]
    for timer in timers:
        timer.daemon = True
        timer.start()
    code = pytest.main(
        ["-m", "prove", "-v", "-rfEs", "--no-fold-skipped", "-o", f"timeout={BY_ITSELF_S}", *rest], plugins=[ledger]
    )
    for timer in timers:
        timer.cancel()
    return ledger.close(int(code))


if __name__ == "__main__":
    sys.exit(main())
