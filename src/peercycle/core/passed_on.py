"""An error is told whole where it happened; what only passes it on is known by it. One rule for screens and report."""

from __future__ import annotations

import re
from collections.abc import Iterable


def without_passed_on(message: str, errors: Iterable[str], instead: str) -> str:
    """Return a message with `instead` for each of the errors that it passes on.

    It passes one on where it is the whole of a part: at its beginning or behind `: `, up to its end, `;` or `)`.
    """
    # The longest first: one error may be the end of another.
    held = {error.strip() for error in errors if error.strip() and error.strip() in message}
    for error in sorted(held, key=len, reverse=True):
        message = re.sub(rf"(?:\A|(?<=: )){re.escape(error)}(?=\s*\Z|[;)])", lambda _: instead, message)
    return message


def passes_on(message: str, errors: Iterable[str]) -> bool:
    """Return whether a message passes one of the errors on."""
    return without_passed_on(message, errors, "") != message
