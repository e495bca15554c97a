"""Citation keys that compile inside `\\cite`."""

from __future__ import annotations

import re
import unicodedata

_USABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_:.+/-]*")
_UNUSABLE = re.compile(r"[^A-Za-z0-9_:.+/-]+")
LONGEST = 100


def is_usable(key: str) -> bool:
    """Tell whether LaTeX and BibTeX take `key` as it is."""
    return _USABLE.fullmatch(key) is not None


def usable_key(key: str, family: str, year: int | None, line: int, taken: set[str]) -> str:
    """Return a key like `key` that compiles and is not in `taken` (keys in lower case).

    Without a usable letter it is made of the first author's family name and the year, or of the line.
    """
    base = _plain(key) or (f"{_plain(family)}{year or ''}".lower() if _plain(family) else f"ref-line-{line}")
    candidate, number = base, 1
    while candidate.lower() in taken:
        number += 1
        candidate = f"{base}-{number}"
    return candidate


def _plain(text: str) -> str:
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _UNUSABLE.sub("", ascii_text).lstrip("_:.+/-")[:LONGEST]
