"""LaTeX as it stands in bibliographies, to Unicode text."""

from __future__ import annotations

import re
import unicodedata

from peercycle.agents.literature.bibtex.symbols import (
    COMBINING,
    LETTERS,
    MATHEMATICS,
    MORE_LETTERS,
    TEXT_SYMBOLS,
)
from peercycle.agents.literature.scripts import lowered, raised

MATH = r"\$\$?+(?:[^$\\]|\\.)++\$\$?"
"""Mathematics between dollar signs."""

_MARKED = re.compile(r"\\|\{|\}|~|\$|--|``|''")
"""What only LaTeX holds. No set of characters: `re` looks fast for alternatives that each begin with a character."""

_TOKEN = re.compile(rf"\\\((?:[^\\]|\\[^()]){{1,500}}+\\\)|{MATH}|\\.", re.DOTALL)
_ACCENT = re.compile(
    r"\\(?:([\"'`^~=.])\s*+|([uvHcdbkr])(?:\s++|(?=[{\\])))"
    r"(?:\{\s*+(\\[ij](?![A-Za-z])|[^\W\d_])\s*+\}|(\\[ij])(?![A-Za-z])\s*+|([^\W\d_]))"
)
_BRACED_LETTER = re.compile(r"\{([^\W\d_])\}")
_ENSURED = re.compile(r"\\ensuremath\s*+\{\s*+\\([A-Za-z]++)\s*+\}")
_SCRIPT = re.compile(r"\\text(super|sub)script\s*+\{([0-9+=()ni-]++)\}")
_CODE_POINT = re.compile(r"\\bibunichar\{(\d{2,7})\}")
_CHARACTER = re.compile("[^\ud800-\udfff\ufdd0-\ufdd7]")
_COMMAND = re.compile(r"\\([A-Za-z]++)\*?(?:\s*+\{\}|\s++)?")
_ESCAPE = re.compile(r"\\([^A-Za-z])", re.DOTALL)
_LIGATURE = re.compile(r"---?|``|''")
_LIGATURES = {"---": "—", "--": "–", "``": "“", "''": "”"}
_HIDDEN = dict(zip("{}$\\~`'-", "\ufdd0\ufdd1\ufdd2\ufdd3\ufdd4\ufdd5\ufdd6\ufdd7", strict=True))
_SHOWN = str.maketrans({hidden: shown for shown, hidden in _HIDDEN.items()} | {"{": None, "}": None, "~": " "})
_SYMBOLS = {**MATHEMATICS, **LETTERS, **MORE_LETTERS, **TEXT_SYMBOLS}
_ESCAPES = {"&": "&", "%": "%", "#": "#", "_": "_", "-": "", "/": "", ",": " ", ";": " ", ":": " ", "!": ""}


def to_unicode(latex: str) -> str:
    """Return LaTeX text as one line of Unicode; mathematics stays as written between dollar signs.

    Commands that mean no character are dropped and their arguments kept.
    """
    if _MARKED.search(latex) is None:
        text = latex
    elif "$" in latex or "\\(" in latex:
        text = _around_mathematics(latex)
    else:
        text = _plain(latex)
    text = " ".join(text.split())
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _around_mathematics(latex: str) -> str:
    pieces: list[str] = []
    last = 0
    for found in _TOKEN.finditer(latex):
        piece = found[0]
        if len(piece) > 2:
            math = piece if piece[0] == "$" else f"${piece[2:-2].strip()}$"
            pieces += (_plain(latex[last : found.start()]), math)
            last = found.end()
    pieces.append(_plain(latex[last:]))
    return "".join(pieces)


def _plain(latex: str) -> str:
    text = latex
    if "\\" in text:
        if "\\bibunichar" in text:
            text = _CODE_POINT.sub(_code_point, text)
        if "\\bibogonek" in text:
            text = text.replace("\\bibogonek", "\\k")
        if "\\ensuremath" in text:
            text = _ENSURED.sub(_ensured, text)
        if "script" in text:
            text = _SCRIPT.sub(lambda found: (raised if found[1] == "super" else lowered)(found[2]), text)
        text = _accented(text)
        if "\\" in text:
            text = _ESCAPE.sub(_escape, _COMMAND.sub(_command, text))
    if "--" in text or "``" in text or "''" in text:
        text = _LIGATURE.sub(lambda found: _LIGATURES[found[0]], text)
    if text.isascii():
        return text.replace("{", "").replace("}", "").replace("~", " ")
    return text.translate(_SHOWN)


def _accented(text: str) -> str:
    """Compose accents, inner ones first: at most three stand on one letter."""
    for _ in range(3):
        composed = _ACCENT.sub(_compose, text)
        if composed == text:
            break
        text = composed
        if "\\" not in text:
            break
        if "{" in text:
            text = _BRACED_LETTER.sub(_braced_letter, text)
    return text


def _compose(found: re.Match[str]) -> str:
    base = (found[3] or found[4] or found[5]).lstrip("\\")
    return unicodedata.normalize("NFC", base + COMBINING[found[1] or found[2]])


def _braced_letter(found: re.Match[str]) -> str:
    return found[0] if found[1].isascii() else "{" + found[1] + "}"


def _ensured(found: re.Match[str]) -> str:
    return MATHEMATICS.get(found[1], found[0])


def _code_point(found: re.Match[str]) -> str:
    number = int(found[1])
    return chr(number) if number < 0x110000 and _CHARACTER.match(chr(number)) else ""


def _command(found: re.Match[str]) -> str:
    name = found[1]
    symbol = _SYMBOLS.get(name)
    if symbol is None:
        return ""
    return "".join(_HIDDEN.get(character, character) for character in symbol)


def _escape(found: re.Match[str]) -> str:
    mark = found[1]
    if mark in _ESCAPES:
        return _ESCAPES[mark]
    return _HIDDEN.get(mark, " ") if mark in "{}$" else (" " if mark.isspace() or mark == "\\" else mark)
