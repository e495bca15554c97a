"""Taking secrets out of what a server said: some quote the key that they refuse."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote

HIDDEN = "[key]"
SHORTEST = 6
"""Shorter values are not looked for: taking them out would spoil texts."""
SHORTEST_BEGINNING = 8
"""So much of a secret counts as the secret where a text ends with it: what breaks off may break off there."""
_MASK = re.compile(r"[*•…]{2,}|\.{3,}|…")
_ESCAPED = re.compile(r"(?<!\\)((?:\\\\)*)\\u00([2-6][0-9a-f]|7[0-9a-e])", re.IGNORECASE)
"""A printable letter of ASCII as JSON may spell it."""


def to_hide(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return what is taken out of texts, longest first, for one may begin like another.

    Each as it is, as an address spells it (`%2F`), and with the slash that some writers of JSON escape (`\\/`).
    """
    found = [secret for secret in secrets if len(secret) >= SHORTEST]
    spelled = {form for s in found for form in (s, quote(s, safe=""), s.replace("/", "\\/"))}
    return tuple(sorted(spelled, key=lambda form: (-len(form), form)))


def hide(text: str, secrets: Iterable[str]) -> str:
    """Return a text without any secret, nor the beginning of one at its end; `secrets` as `to_hide` returns them.

    Letters that JSON spells as escapes are spelled out first, for whoever reads it does so, too.
    """
    secrets = tuple(secrets)
    if secrets and "\\u00" in text:
        text = _ESCAPED.sub(_spelled_out, text)
    for secret in secrets:
        text = _pattern(secret).sub(HIDDEN, text)
        text = _without_masked(text, secret)
    for secret in secrets:
        for length in range(len(secret) - 1, SHORTEST_BEGINNING - 1, -1):
            if text.endswith(secret[:length]):
                return text[:-length] + HIDDEN
    return text


@lru_cache(64)
def _pattern(secret: str) -> re.Pattern[str]:
    """In letters of either case, and broken over lines as a log breaks it."""
    return re.compile(r"\s{0,8}".join(map(re.escape, secret)), re.IGNORECASE)


def _without_masked(text: str, secret: str) -> str:
    """Take out a secret whose middle somebody else has hidden, such as `sk-ab******89`: its ends are of it, too."""
    kept: list[str] = []
    begin = 0
    for mask in _MASK.finditer(text):
        before = next((n for n in range(len(secret) - 1, 3, -1) if text.endswith(secret[:n], begin, mask.start())), 0)
        if before:
            behind = next((n for n in range(len(secret) - 1, 0, -1) if text.startswith(secret[-n:], mask.end())), 0)
            kept += [text[begin : mask.start() - before], HIDDEN]
            begin = mask.end() + behind
    return "".join(kept) + text[begin:]


def _spelled_out(escaped: re.Match[str]) -> str:
    letter = chr(int(escaped[2], 16))
    # These two are escaped for a reason.
    return escaped[0] if letter in '"\\' else escaped[1] + letter
