"""What pydantic says against a value, in the words that a person is shown."""

from __future__ import annotations

from typing import Any

_KINDS = ("Value error, ", "Assertion failed, ")
"""What it puts before the words of a validator of ours: Python's name for how they were said."""


def complaint_of(fault: Any) -> str:
    """Return the message of an entry of `ValidationError.errors()`, without what only a programmer reads."""
    said = str(fault["msg"])
    for kind in _KINDS:
        said = said.removeprefix(kind)
    return said


def uncapitalised(message: str) -> str:
    """Return a message as it goes on behind a colon; what it quotes keeps its letters."""
    return message[:1].lower() + message[1:]
