"""The entry point: one line says what went wrong, exit codes say how it ended, a traceback is for bugs."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Sequence
from typing import Any

import typer

from peercycle.cli.app import build_app
from peercycle.cli.interrupting import Interrupted
from peercycle.cli.output import close_output, print_json, say, warn
from peercycle.cli.patience import BEGUN, process_began
from peercycle.core.errors import PeercycleError

INTERRUPTED = 130
"""What a shell reports for a program that Ctrl-C ended."""

UNREAD = 141
"""What a shell reports for a program that SIGPIPE ended: whoever read its output has closed it."""

NEW_OBJECTS = 10_000
"""After how many Python looks for garbage in a command's process. By itself it does after 700, and through everything each
hundredth time, which stops all runs for as long as some stages take; a stage leaves five objects that only this finds."""

CLICK_ERROR: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
"""Base of typer's own complaints; some versions of typer carry click inside, others import it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 finished, 3 stopped or waiting, 1 failed, 2 usage."""
    # Called with arguments, it is a part of somebody's process, which may be old and has habits of its own.
    if argv is None:
        gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
    BEGUN.set(process_began() if argv is None else time.monotonic())
    arguments = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in arguments
    try:
        command = typer.main.get_command(build_app(arguments))
        code = command.main(args=arguments, prog_name="peercycle", standalone_mode=False, obj=tuple(arguments))
    except CLICK_ERROR as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            # What it says is the help itself, in lines.
            say(error.format_message(), error=True)
            return int(error.exit_code)
        return _complain(_usage(error), error.exit_code, as_json)
    except PeercycleError as error:
        return _complain(_one_line(error), error.exit_code, as_json)
    except Interrupted as interrupted:
        warn(f"interrupted; {interrupted}")
        return INTERRUPTED
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except (BrokenPipeError, SystemExit) as error:
        # Some versions of typer exit for a closed pipe, with 1.
        if not isinstance(error.__context__ if isinstance(error, SystemExit) else error, BrokenPipeError):
            raise
        close_output()
        return UNREAD
    except OSError as error:
        from peercycle.store.disk import out_of_room

        if not out_of_room(error):
            raise
        if error.filename is None:
            # Of standard output itself, where the line of JSON that says so has no room either.
            close_output()
        where = f" {error.filename!r}" if error.filename else ""
        return _complain(f"cannot write{where}: {error.strerror}; make room, and try again", 1, as_json)
    if code == INTERRUPTED:
        # Some versions of typer raise, others return this.
        warn("interrupted")
    return code if isinstance(code, int) else 0


def _complain(message: str, code: int, as_json: bool) -> int:
    if as_json:
        print_json({"event": "error", "message": message})
    say(f"error: {message}", error=True)
    return code


def _one_line(error: PeercycleError) -> str:
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    return " ".join(f"{error}{notes}".split()) or type(error).__name__


def _usage(error: Any) -> str:
    message = " ".join(str(error.format_message()).split())
    where = error.ctx.command_path if getattr(error, "ctx", None) else "peercycle"
    return f"{message.rstrip('.')}; see `{where} --help`" if message else f"see `{where} --help`"
