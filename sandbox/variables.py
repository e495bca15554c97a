"""The arguments and environment variables that a request may give its program."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from peercycle.core.errors import RefusedRequestError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
MAX_VARIABLES, _MAX_VARIABLE_BYTES = 500, 64 << 10
MAX_ARGUMENTS, _MAX_ARGUMENT_BYTES = 3000, 1 << 20
"""bubblewrap takes 9,000 of its own, where an argument is one, a variable three, an input or a piece of data three; and
Linux two megabytes, the environment included, where a stack may have its usual eight."""
_LONGEST = (128 << 10) - 1
"""Bytes of one argument that Linux takes."""


def check_arguments(argv: Sequence[str]) -> None:
    """Raise `RefusedRequestError` for arguments that no program could be given."""
    lengths = [_length("an argument", arg) for arg in argv]
    for held, most, what in (
        (len(lengths), MAX_ARGUMENTS, "one execution has {} arguments"),
        (max(lengths, default=0), _LONGEST, "one argument has {} bytes"),
        (sum(lengths), _MAX_ARGUMENT_BYTES, "the arguments of one execution have {} bytes"),
    ):
        if held > most:
            raise RefusedRequestError(f"{what.format(held)}, over {most}: put the data into a file")


def check_variables(variables: Mapping[str, str]) -> None:
    """Raise `RefusedRequestError` for a variable that no program could be given."""
    for name in variables:
        if not _NAME.fullmatch(name):
            raise RefusedRequestError(f"environment variable {name[:100]!r} must be letters, digits and _")
    if len(variables) > MAX_VARIABLES:
        raise RefusedRequestError(
            f"one execution has {len(variables)} environment variables, over {MAX_VARIABLES}: put the data into a file"
        )
    held = sum(len(name) + _length(f"environment variable {name!r}", value) for name, value in variables.items())
    if held > _MAX_VARIABLE_BYTES:
        raise RefusedRequestError("the environment variables of one execution pass 64 KiB: put the data into a file")


def _length(what: str, text: str) -> int:
    """Return the bytes of a text as a program is given it. Raises `RefusedRequestError` where it cannot be."""
    if "\0" in text:
        raise RefusedRequestError(f"{what} holds a NUL byte: {text[:100]!r}")
    try:
        return len(os.fsencode(text))
    except UnicodeEncodeError:
        # JSON can spell half a character, which is none.
        raise RefusedRequestError(f"{what} is no text that can be encoded: {text[:100]!r}") from None
