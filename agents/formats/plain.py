"""A model's text made safe to handle: whole Unicode, one kind of line end."""

from __future__ import annotations

import re

_SURROGATES = re.compile("[\ud800-\udfff]")
_QUOTED = 60
"""Characters of a text that a message shows."""


def clean(text: str) -> str:
    """Return the text with `\\n` line ends, without NUL, and with U+FFFD for halves of surrogate pairs.

    A model's bytes that are no UTF-8 arrive as such halves; no store and no JSON takes them.
    """
    if not text.isascii():
        text = _SURROGATES.sub("\ufffd", text)
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def quoted(text: str) -> str:
    """Return the beginning of a text on one line, for a message."""
    short = " ".join(text[: 4 * _QUOTED].split())
    return repr(short[:_QUOTED] + ("…" if len(short) > _QUOTED or len(text) > 4 * _QUOTED else ""))
