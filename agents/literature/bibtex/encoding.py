"""Unicode text to LaTeX that every engine compiles and `to_unicode` reads back."""

from __future__ import annotations

import re
import unicodedata

from peercycle.agents.literature.bibtex.accents import MATH
from peercycle.agents.literature.bibtex.mathematics import is_proper_math
from peercycle.agents.literature.bibtex.symbols import COMBINING, LETTERS, MATHEMATICS, TEXT_SYMBOLS
from peercycle.agents.literature.scripts import LOWERED, RAISED

_COMMANDS = {combining: command for command, combining in COMBINING.items()} | {"\u0328": "bibogonek"}
_TEXT = {
    "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_", "$": r"\$", "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}", "\\": r"\textbackslash{}", "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    "\u00a0": "~",
    **{letter: f"{{\\{command}}}" for command, letter in LETTERS.items()},
    "“": r"\textquotedblleft{}", "”": r"\textquotedblright{}", "–": "--", "—": "---",
    "‘": r"\textquoteleft{}", "’": r"\textquoteright{}",
}  # fmt: skip
_SYMBOLS = {symbol: f"\\{command}{{}}" for command, symbol in TEXT_SYMBOLS.items() if not symbol.isascii()}
_ENSURED = {symbol: f"\\ensuremath{{\\{command}}}" for command, symbol in MATHEMATICS.items()}
_SCRIPTS = {
    **{symbol: f"\\textsuperscript{{{plain}}}" for plain, symbol in RAISED.items()},
    **{symbol: f"\\textsubscript{{{plain}}}" for plain, symbol in LOWERED.items()},
}
_TABLE = {**_SYMBOLS, **_SCRIPTS, **_ENSURED, **_TEXT}
_LIGATURE = re.compile(r"[-–—]{2,}|`{2,}|'{2,}")
_MATH = re.compile(MATH)
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


def to_latex(text: str) -> str:
    """Return LaTeX for one line of Unicode text, in ASCII; proper mathematics stays as it is."""
    if "$" not in text:
        return plain_latex(text)
    pieces: list[str] = []
    last = 0
    for found in _MATH.finditer(text):
        if is_proper_math(text, found.start(), found.end()):
            pieces += (plain_latex(text[last : found.start()]), found[0])
            last = found.end()
    pieces.append(plain_latex(text[last:]))
    return "".join(pieces)


def plain_latex(text: str) -> str:
    """Return LaTeX for text in which dollar signs are dollar signs."""
    pieces: list[str] = []
    last = 0
    for found in _LIGATURE.finditer(text):
        pieces += (_characters(text[last : found.start()]), "{}".join(_characters(mark) for mark in found[0]))
        last = found.end()
    pieces.append(_characters(text[last:]))
    return "".join(pieces)


def _characters(text: str) -> str:
    if text.isalnum() and text.isascii():
        return text
    return "".join(
        _TABLE[character] if character in _TABLE else character if character.isascii() else beyond_ascii(character)
        for character in unicodedata.normalize("NFC", text)
    )


def beyond_ascii(character: str) -> str:
    """Return LaTeX for one character that is not ASCII."""
    if character in _TABLE:
        return _TABLE[character]
    decomposed = unicodedata.normalize("NFD", character)
    base, accents = decomposed[0], decomposed[1:]
    if accents and base.isascii() and base.isalpha() and all(accent in _COMMANDS for accent in accents):
        latex = base
        for accent in accents:
            command = _COMMANDS[accent]
            inner = f"\\{latex}" if latex in {"i", "j"} and command not in {"c", "d", "b", "bibogonek"} else latex
            latex = f"\\{command}{{{inner}}}"
        if unicodedata.normalize("NFC", character) == character:
            return f"{{{latex}}}"
    return f"\\bibunichar{{{ord(character)}}}"


def ascii_latex(latex: str) -> str:
    """Return LaTeX with every character that is not ASCII written as a command."""
    return latex if latex.isascii() else _BEYOND_ASCII.sub(lambda found: beyond_ascii(found[0]), latex)
