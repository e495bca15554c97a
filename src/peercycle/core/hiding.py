"""Taking secrets out of what a server said: some quote the key that they refuse."""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "[key]"
SHORTEST = 6
"""Shorter values are not looked for: taking them out would spoil texts."""
SHORTEST_BEGINNING = 8
"""So much of a secret counts as the secret where a text ends with it: what breaks off may break off there."""
_ESCAPED = re.compile(r"(?<!\\)((?:\\\\)*)\\u00([2-6][0-9a-f]|7[0-9a-e])", re.IGNORECASE)
"""A printable letter of ASCII as JSON may spell it."""


def to_hide(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return those that are taken out of texts, longest first: one may begin like another."""
    return tuple(sorted({s for s in secrets if len(s) >= SHORTEST}, key=len, reverse=True))


def hide(text: str, secrets: Iterable[str]) -> str:
    """Return a text without any secret, nor the beginning of one at its end; `secrets` as `to_hide` returns them.

    Letters that JSON spells as escapes are spelled out first, for whoever reads it does so, too.
    """
    secrets = tuple(secrets)
    if secrets and "\\u00" in text:
        text = _ESCAPED.sub(_spelled_out, text)
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    for secret in secrets:
        for length in range(len(secret) - 1, SHORTEST_BEGINNING - 1, -1):
            if text.endswith(secret[:length]):
                return text[:-length] + HIDDEN
    return text


def _spelled_out(escaped: re.Match[str]) -> str:
    letter = chr(int(escaped[2], 16))
    # These two are escaped for a reason.
    return escaped[0] if letter in '"\\' else escaped[1] + letter
