"""LaTeX of a title or a sentence as the plain Unicode text that it prints."""

from __future__ import annotations

import unicodedata

from peercycle.core.dollars import PROSE, is_price
from peercycle.export.tidy import commands as known
from peercycle.export.tidy.characters import symbol_of, visible
from peercycle.export.tidy.cursor import Cursor
from peercycle.export.tidy.tokens import Token, tokenize

_LONGEST = 6000
_ACCENTS = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", "=": "\u0304", "u": "\u0306", ".": "\u0307",
    '"': "\u0308", "r": "\u030a", "H": "\u030b", "v": "\u030c", "d": "\u0323", "c": "\u0327", "k": "\u0328",
    "b": "\u0331",
}  # fmt: skip
_SYMBOLS = {
    "textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textless": "<", "textgreater": ">",
    "textbar": "|", "textquotedbl": '"', "textbullet": "•", "textdegree": "°", "textendash": "–", "textemdash": "—",
    "textquoteleft": "‘", "textquoteright": "’", "textdagger": "†", "texttrademark": "™", "textregistered": "®",
    "textperiodcentered": "·", "textunderscore": "_", "textellipsis": "…", "ldots": "…", "dots": "…", "cdots": "⋯",
    "textasciigrave": "`", "textquotesingle": "'", "S": "§", "P": "¶", "dag": "†", "ddag": "‡", "copyright": "©",
    "pounds": "£", "i": "ı", "j": "ȷ", "ss": "ß", "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "ae": "æ", "AE": "Æ",
    "oe": "œ", "OE": "Œ", "aa": "å", "AA": "Å", "LaTeX": "LaTeX", "TeX": "TeX", "slash": "/", "quad": " ",
    "qquad": " ", "newline": " ", "par": " ", "sqrt": "√", "item": " • ", "textquotedblleft": "“",
    "textquotedblright": "”",
}  # fmt: skip
_FRACTIONS = frozenset(("frac", "dfrac", "tfrac"))
_SILENT = frozenset(
    "ensuremath left right limits displaystyle textstyle middle mathstrut url nolinkurl subsection subsubsection "
    "paragraph subparagraph section caption".split()
)
"""Commands of which only the argument is seen."""
_RAISED = str.maketrans("0123456789+-=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ")
_LOWERED = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")


def plain(latex: str) -> str:
    """Return on one line what a piece of LaTeX prints, in Unicode: no command, brace or dollar sign is left.

    A citation is shown as its keys in brackets, a number bound to a measurement as the number; a command that is
    not known keeps its name. Of more than 6000 characters the rest is cut off.
    """
    cut = latex if len(latex) <= _LONGEST else latex[: _LONGEST - 1] + "…"
    return " ".join(unicodedata.normalize("NFC", _Reader(tokenize(visible(cut))).read()).split())


class _Reader:
    """Reads tokens in one pass."""

    def __init__(self, tokens: list[Token], *, formula: bool = False) -> None:
        self.cursor = Cursor(tokens)
        self.formula = formula

    def read(self) -> str:
        out: list[str] = []
        while (token := self.cursor.peek()) is not None:
            self.cursor.place += 1
            out.append(self._piece(token))
        return "".join(out)

    def _piece(self, token: Token) -> str:
        match token.kind:
            case "text":
                return token.text if self.formula else _printed(token.text)
            case "word":
                return self._word(token.text)
            case "symbol":
                return self._symbol(token.text)
            case "math":
                return self._dollar()
            case "up" | "down":
                return self._script(token.kind)
            case "par" | "tie":
                return " "
            case "code":
                return token.text
            case "param" | "align":
                return token.text
            case _:
                return ""

    def _symbol(self, text: str) -> str:
        if text in _ACCENTS:
            return self._accent(_ACCENTS[text])
        if text in {"\\", " ", ",", ";", ":"}:
            return " "
        return "" if text in {"!", "-", "/", "(", ")", "[", "]"} else text

    def _word(self, name: str) -> str:
        if name in _ACCENTS:
            return self._accent(_ACCENTS[name])
        if name in {"measured", "simulated"}:
            self.cursor.raw_group()
            return ""
        if name in known.CITES or name in known.REFERENCES:
            return self._keys()
        if name in _FRACTIONS:
            over, under = self._argument(formula=True), self._argument(formula=True)
            return f"{over}/{under}"
        if name == "footnote":
            return f" ({self._argument()})"
        if name in {"begin", "end"}:
            self.cursor.raw_group()
            return " "
        return self._listed(name)

    def _listed(self, name: str) -> str:
        if name in known.DROPPED_COMMANDS and name not in _SYMBOLS:
            self._drop(known.DROPPED_COMMANDS[name])
            return ""
        found = _SYMBOLS.get(name) or symbol_of(name)
        if found is not None:
            return found
        if name in _SILENT or name in known.TEXT_COMMANDS or name in known.OTHER_NAMES or name in known.MATH_COMMANDS:
            return ""
        return name if self.formula and name in known.symbols() else f"\\{name} "

    def _drop(self, signature: str) -> None:
        for letter in signature:
            if letter == "s":
                self.cursor.star()
            elif letter == "o":
                self.cursor.bracket()
            elif letter == "x":
                self.cursor.raw_group()
            elif letter == "u" and self.cursor.peek() is not None:
                self.cursor.place += 1

    def _keys(self) -> str:
        self.cursor.star()
        self.cursor.bracket()
        self.cursor.bracket()
        keys = [key.strip() for key in (self.cursor.raw_text() or "").split(",") if key.strip()]
        return f"[{', '.join(keys)}]" if keys else ""

    def _argument(self, *, formula: bool | None = None) -> str:
        tokens = self.cursor.raw_group()
        if tokens is not None:
            return _Reader(tokens, formula=self.formula if formula is None else formula).read()
        token = self.cursor.peek()
        if token is not None and token.kind == "word" and token.text in {"i", "j"}:
            self.cursor.place += 1
            return _SYMBOLS[token.text]
        if token is None or token.kind != "text" or not token.text.strip():
            return ""
        text = token.text.lstrip()
        self.cursor.tokens[self.cursor.place] = Token("text", text[1:])
        return text[0]

    def _accent(self, mark: str) -> str:
        letter = self._argument()
        dotted = {"ı": "i", "ȷ": "j"}.get(letter[:1], letter[:1])
        return dotted + mark + letter[1:] if letter else ""

    def _script(self, kind: str) -> str:
        if not self.formula:
            return "^" if kind == "up" else "_"
        inside = self._argument()
        table = _RAISED if kind == "up" else _LOWERED
        if inside and all(ord(character) in table for character in inside):
            return inside.translate(table)
        return f"{'^' if kind == 'up' else '_'}{inside}"

    def _dollar(self) -> str:
        tokens, start = self.cursor.tokens, self.cursor.place
        end = next((i for i in range(start, len(tokens)) if tokens[i].kind == "math"), None)
        inside = tokens[start:end] if end is not None else []
        if end is None or any(
            token.kind == "text" and (PROSE.search(token.text) or is_price(token.text)) for token in inside
        ):
            return "$"
        self.cursor.place = end + 1
        return _Reader(inside, formula=True).read()


def _printed(text: str) -> str:
    for source, shown in (("---", "—"), ("--", "–"), ("``", "“"), ("''", "”"), ("`", "‘"), ("'", "’")):
        text = text.replace(source, shown)
    return text
