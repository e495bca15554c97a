"""Cutting LaTeX into tokens, without ever executing it."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

TokenKind = Literal[
    "word", "symbol", "open", "close", "math", "display", "param", "align", "up", "down", "tie", "par", "text", "code"
]


class Token(NamedTuple):
    """A piece of LaTeX. `word` is a control word without its backslash; `code` a verbatim stretch."""

    kind: TokenKind
    text: str
    spaced: bool = False
    """Blanks followed the control word (and were eaten by it)."""


CODE_ENVIRONMENTS = (
    "verbatim", "verbatim*", "Verbatim", "lstlisting", "minted", "algorithm", "algorithm*", "algorithmic",
    "algorithm2e", "tikzpicture", "alltt", "python", "filecontents", "filecontents*",
)  # fmt: skip
"""Environments whose content is shown as it stands."""

_PIECE = re.compile(
    r"(?P<percent>(?<=[0-9])%|(?<=[0-9] )%(?=[ \t]*[a-z.,;:)]))"
    r"|(?P<comment>%[^\n]*(?:\n[ \t]*)?)|(?P<word>\\[A-Za-z]+)"
    r"|(?P<symbol>\\.?)|(?P<display>\$\$)|(?P<par>\n[ \t]*\n\s*)|(?P<one>[{}$#&^_~])|(?P<text>\n|[^\\{}$%#&^_~\n]+)",
    re.DOTALL,
)
_SINGLE: dict[str, TokenKind] = {
    "{": "open", "}": "close", "$": "math", "#": "param", "&": "align", "^": "up", "_": "down", "~": "tie",
}  # fmt: skip
_BLANKS = re.compile(r"[ \t]*(?:\n(?![ \t]*\n)[ \t]*)?")
_ADDRESS_WORDS = frozenset(("\\url", "\\href", "\\nolinkurl"))
_ADDRESS = re.compile(r"[ \t]*\{([^{}\n]*)\}")
"""An address: `%` begins no comment in it."""
_BEGIN = re.compile(r"\s*\{([A-Za-z0-9]+\*?)\}")


def tokenize(source: str) -> list[Token]:
    """Return the tokens of `source`; comments are dropped, and `95%` is read as the percentage it means."""
    tokens: list[Token] = []
    place, size = 0, len(source)
    while place < size:
        found = _PIECE.match(source, place)
        assert found is not None  # the alternatives cover every character
        kind, text = str(found.lastgroup), found.group()
        place = found.end()
        if kind == "word":
            code = _code(source, text, place)
            if code is not None:
                tokens.append(Token("code", code[0]))
                place = code[1]
                continue
            tokens_of_address = _ADDRESS.match(source, place) if text in _ADDRESS_WORDS else None
            if tokens_of_address:
                tokens += [Token("word", text[1:]), Token("open", "{"), Token("text", tokens_of_address.group(1))]
                place = tokens_of_address.end() - 1
                continue
            blanks = _BLANKS.match(source, place)
            end = blanks.end() if blanks else place
            tokens.append(Token("word", text[1:], end > place))
            place = end
        elif kind == "symbol":
            tokens.append(Token("symbol", text[1:].replace("\n", " ")))
        elif kind == "percent":
            tokens.append(Token("symbol", "%"))
        elif kind == "one":
            tokens.append(Token(_SINGLE[text], text))
        elif kind == "display":
            tokens.append(Token("display", text))
        elif kind == "par":
            tokens.append(Token("par", "\n\n"))
        elif kind == "text":
            tokens.append(Token("text", text))
    return tokens


def _code(source: str, word: str, place: int) -> tuple[str, int] | None:
    """Return a verbatim stretch that begins at `word`, and where it ends; None where none does."""
    if word in {"\\verb", "\\lstinline"} and place < len(source):
        start = place + 1 if source[place] == "*" else place
        mark = source[start : start + 1]
        line_end = source.find("\n", start)
        end = source.find(mark, start + 1, line_end if line_end >= 0 else len(source)) if mark.strip() else -1
        if end > 0 and not mark.isalpha():
            return source[start + 1 : end], end + 1
    if word == "\\begin":
        begin = _BEGIN.match(source, place)
        if begin and begin.group(1) in CODE_ENVIRONMENTS:
            closing = f"\\end{{{begin.group(1)}}}"
            end = source.find(closing, begin.end())
            if end >= 0:
                return source[begin.end() : end].strip("\n") + "\n", end + len(closing)
    return None
