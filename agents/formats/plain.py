"""A model's text made safe to handle: whole Unicode, one kind of line end."""

from __future__ import annotations

import re

_SURROGATES = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Return the text with `\\n` line ends, without NUL, and with U+FFFD for halves of surrogate pairs.

    A model's bytes that are no UTF-8 arrive as such halves; no store and no JSON takes them.
    """
    if not text.isascii():
        text = _SURROGATES.sub("\ufffd", text)
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def quoted(text: str, length: int = 60) -> str:
    """Return the beginning of a text on one line, for a message."""
    short = " ".join(text[: 4 * length].split())
    return repr(short[:length] + ("…" if len(short) > length or len(text) > 4 * length else ""))
