"""Fields as they were written, made safe to compile."""

from __future__ import annotations

import re

from peercycle.agents.literature.bibtex.accents import MATH, to_unicode
from peercycle.agents.literature.bibtex.encoding import ascii_latex, plain_latex, to_latex
from peercycle.agents.literature.bibtex.identifiers import as_address
from peercycle.agents.literature.bibtex.mathematics import is_balanced, is_proper_math
from peercycle.agents.literature.bibtex.symbols import COMBINING, LETTERS, MATHEMATICS, TEXT_SYMBOLS

_STYLES = [
    "textit", "textbf", "texttt", "textrm", "textsc", "textsf", "textsl", "textup", "textmd",
    "textnormal", "emph", "underline", "mbox", "textsuperscript", "textsubscript", "url", "bibunichar",
    "bibogonek", "em", "it", "bf", "tt", "rm", "sc", "sf", "itshape", "bfseries", "scshape", "ttfamily",
]  # fmt: skip
_DEFINED = {*_STYLES, *LETTERS, *TEXT_SYMBOLS, *(name for name in COMBINING if name.isalpha())}
_DEFINED -= {"BibTeX", "euro", "textquotedbl", "k"}
_SPECIAL = re.compile(
    rf"\\(?:url\s*+\{{[^{{}}]*+\}}|ensuremath\s*+\{{\s*+\\[A-Za-z]++\s*+\}}|[A-Za-z]++\s*+|.|)"
    rf"|{MATH}|[%&#_^$\x80-\U0010ffff]",
    re.DOTALL,
)
_TO_LOOK_AT = re.compile(r"[\\%&#_^${}\x80-\U0010ffff]")
_KEPT_ESCAPES = frozenset("{}\"'`^~=.&%#_$-/, ")


def safe_latex(raw: str, defined: frozenset[str] = frozenset()) -> str:
    """Return `raw` with special characters escaped and without commands that might not compile.

    Kept are the standard text commands and those that the preamble has `defined`. What cannot be mended
    in place is read as Unicode and written anew.
    """
    if _TO_LOOK_AT.search(raw) is None:
        return raw
    text = " ".join(_SPECIAL.sub(lambda found: _safe_token(found, defined), raw).split())
    if (text != raw and to_unicode(text) != to_unicode(raw)) or not is_balanced(text):
        return to_latex(to_unicode(raw))
    return text


def _safe_token(found: re.Match[str], defined: frozenset[str]) -> str:
    piece = found[0]
    if piece[0] != "\\":
        if len(piece) > 1:
            proper = is_proper_math(found.string, found.start(), found.end())
            return piece if proper else plain_latex(piece)
        if piece == "^":
            return r"\textasciicircum{}"
        return f"\\{piece}" if piece.isascii() else ascii_latex(piece)
    if piece == "\\":
        return ""
    if piece.startswith("\\url") and piece.endswith("}"):
        return f"\\url{{{as_address(piece[piece.index('{') + 1 : -1])}}}"
    if piece.startswith("\\ensuremath") and piece.endswith("}"):
        return piece if piece[:-1].split("\\")[-1].strip() in MATHEMATICS else ""
    if not piece[1].isascii() or not piece[1].isalpha():
        return piece if piece[1] in _KEPT_ESCAPES else to_latex(to_unicode(piece)) or " " * (piece[1] == "\\")
    name = piece[1:].rstrip()
    if name in defined or name in _DEFINED:
        return piece
    if name == "k":
        return piece.replace("\\k", "\\bibogonek")
    if name in MATHEMATICS:
        return f"\\ensuremath{{\\{name}}}"
    return to_latex(TEXT_SYMBOLS[name]) if name in TEXT_SYMBOLS else ""
