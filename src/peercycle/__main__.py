"""The command line, as the script `peercycle` and `python -m peercycle` enter it."""

from __future__ import annotations

import os
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
    _open_what_was_closed()
    from peercycle.cli.main import main as run

    if usual:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return run()


def _open_what_was_closed() -> None:
    """Give a process that was started with closed standard streams (`>&-`) some of its own.

    Else the next file that it opens would be its standard output. A closed output is a reader that has gone: a run goes
    on, any other command ends as it does for a closed pipe.
    """
    if sys.stdin is None:
        os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    if sys.stdout is None:
        reader, writer = os.pipe()
        os.close(reader)
        os.dup2(writer, 1)
        os.close(writer)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        os.set_inheritable(os.open(os.devnull, os.O_WRONLY), True)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)


if __name__ == "__main__":
    sys.exit(main())
