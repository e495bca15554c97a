"""The environment variables that a request may set."""

from __future__ import annotations

import re
from collections.abc import Mapping

from peercycle.core.errors import RefusedRequestError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_MAX_BYTES = 64 << 10


def check_variables(variables: Mapping[str, str]) -> None:
    """Raise `RefusedRequestError` for a variable that no program could be given."""
    for name, value in variables.items():
        if not _NAME.fullmatch(name) or "\0" in value:
            raise RefusedRequestError(
                f"environment variable {name!r} must be letters, digits and _, its value without NUL"
            )
    if sum(len(name) + len(value.encode()) for name, value in variables.items()) > _MAX_BYTES:
        raise RefusedRequestError("the environment variables of one execution pass 64 KiB: put the data into a file")
