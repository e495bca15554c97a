"""Letters with accents: as BibTeX sorts them by their base letter, and as a list in HTML is sorted."""

from __future__ import annotations

import re
import unicodedata

_ACCENTS = dict(
    zip(
        "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327\u0328",
        "`'^~=u.\"rHvck",
        strict=True,
    )
)
_BELOW = "\u0327\u0328"
"""The cedilla and the ogonek: a letter above them keeps its dot."""
_LETTERS = {
    "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "å": "aa", "Å": "AA", "ł": "l", "Ł": "L",
}  # fmt: skip
_BASES = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
_LETTER = re.compile(r"[^\x00-\x7f]")


def sortable(latex: str) -> str:
    """Return LaTeX with its accented letters as BibTeX's `{\\'{e}}`: as they stand, it sorts them behind `z`."""
    return _LETTER.sub(lambda found: _special(found[0]), unicodedata.normalize("NFC", latex))


def _special(letter: str) -> str:
    if letter in _LETTERS:
        return f"{{\\{_LETTERS[letter]}}}"
    base, mark = unicodedata.normalize("NFD", letter)[:1], unicodedata.normalize("NFD", letter)[1:]
    if mark not in _ACCENTS or not base.isascii():
        return letter
    dotless = f"\\{base}" if base in "ij" and mark not in _BELOW else base
    return f"{{\\{_ACCENTS[mark]}{{{dotless}}}}}"


def sorted_as(text: str) -> str:
    """Return what a text is sorted by: small letters without accents."""
    plain = "".join(_BASES.get(letter, letter) for letter in text.casefold())
    return "".join(letter for letter in unicodedata.normalize("NFD", plain) if not unicodedata.combining(letter))
