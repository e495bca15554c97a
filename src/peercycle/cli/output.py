"""Where text goes: results to standard output, everything else to standard error."""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

import typer

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Control characters but for tab and newline, and those that turn the direction of writing."""


def say(text: str = "", *, error: bool = False) -> None:
    """Print one line, whole, at once."""
    typer.echo(text, err=error)


def say_on(text: str = "") -> None:
    """Print one line of what goes on without a reader: once nobody reads, nothing is printed, and nothing is raised."""
    with outlasting():
        say(text)


@contextmanager
def outlasting() -> Iterator[None]:
    """Print no more, rather than raise, where the reader has gone: a pipe's, or a terminal that was closed."""
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.EPIPE, errno.EIO}:
            raise
        close_output()


def close_output() -> None:
    """Print nothing from here on: whoever read has gone, and Python would complain again when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def warn(text: str) -> None:
    """Print a line that is no result; what it quotes of a file cannot drive the terminal."""
    say(safe(text, sys.stderr), error=True)


def print_json(value: Any) -> None:
    """Print one JSON value on one line."""
    say(json_line(value))


def json_line(value: Any) -> str:
    """Return a value as one line of JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)


def shortened(text: str, most: int = 80) -> str:
    """Return a text as one line of at most so many characters; `--json` has the whole."""
    line = " ".join(text[: 100 * most].split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def safe(text: str, stream: TextIO) -> str:
    """Return untrusted text for a stream: a terminal is not given characters that could drive it."""
    if not stream.isatty():
        return text
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def on_terminal() -> bool:
    """Whether a person watches standard output."""
    return sys.stdout.isatty()


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table, headings first: aligned by rich on a terminal, tab-separated in a pipe."""
    if not on_terminal():
        for row in (heads, *rows):
            say("\t".join(" ".join(cell.split()) for cell in row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        # Text, not markup: names and topics may hold brackets.
        table.add_row(*[Text(cell) for cell in row])
    Console().print(table)


def duration(seconds: float) -> str:
    """Return a time span as a person reads it."""
    seconds = max(0.0, seconds)
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86_400:.0f} d"
