"""The command line, as the script `peercycle` and `python -m peercycle` enter it."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Run one command and return its exit code.

    While the command line itself is imported, which takes some tenths of a second, Ctrl-C just ends the process: nothing
    was begun, and a traceback of an import is for nobody.
    """
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if usual:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from peercycle.cli.main import main as run

    if usual:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return run()


if __name__ == "__main__":
    sys.exit(main())
