"""The arguments and environment variables that a request may give its program."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from peercycle.core.errors import RefusedRequestError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_MAX_BYTES = 64 << 10
_MAX_ARGUMENTS = 48 << 10
"""Bytes of all arguments: the launcher is given them in one of its own, of which Linux takes 128 KiB, as digits."""
_PER_ARGUMENT = 6


def check_arguments(argv: Sequence[str]) -> None:
    """Raise `RefusedRequestError` for arguments that no program could be given."""
    held = sum(_length("an argument", arg) + _PER_ARGUMENT for arg in argv)
    if held > _MAX_ARGUMENTS:
        raise RefusedRequestError(
            f"the arguments of one execution have {held} bytes, over {_MAX_ARGUMENTS}: put the data into a file"
        )


def check_variables(variables: Mapping[str, str]) -> None:
    """Raise `RefusedRequestError` for a variable that no program could be given."""
    for name in variables:
        if not _NAME.fullmatch(name):
            raise RefusedRequestError(f"environment variable {name!r} must be letters, digits and _")
    held = sum(len(name) + _length(f"environment variable {name!r}", value) for name, value in variables.items())
    if held > _MAX_BYTES:
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
