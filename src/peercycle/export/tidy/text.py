"""Running text: tidied in one pass, every brace and environment closed, every command known."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from peercycle.core.dollars import PROSE, is_price
from peercycle.export.tidy import commands as known
from peercycle.export.tidy.characters import escape
from peercycle.export.tidy.cursor import Cursor
from peercycle.export.tidy.formulas import MathWriter, UnsettableError, source_of
from peercycle.export.tidy.ledger import Ledger
from peercycle.export.tidy.targets import Target
from peercycle.export.tidy.tokens import Token, tokenize

_DEEPEST = 40
_MOST_REPAIRS = 12
_LONGEST_FORMULA = 4000


class UnbalancedError(ValueError):
    """A text too broken to be mended: it is set verbatim."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the text the writer is."""

    group: bool = False
    environments: tuple[str, ...] = ()
    inline: bool = False
    """Inside a heading, a caption, a footnote: no paragraphs, no displays."""
    cell: bool = False
    """At the top of a table's cell."""
    float: Literal["", "figure", "table"] = ""
    lists: int = 0
    item: bool = False
    """In an item of a list, which the next one ends."""
    depth: int = 0

    def deeper(self, **changes: object) -> Place:
        """Return a place inside this one. Raises `UnbalancedError` where that is too deep."""
        if self.depth >= _DEEPEST:
            raise UnbalancedError("nested too deep")
        return replace(self, depth=self.depth + 1, **changes)  # type: ignore[arg-type]


class TextWriter:
    """Writes one body from its source."""

    def __init__(self, source: str, ledger: Ledger, target: Target) -> None:
        self.cursor = Cursor(tokenize(source))
        self.ledger = ledger
        self.target = target
        self.repairs = 0

    def write(self, *, inline: bool = False) -> str:
        """Return the whole text. Raises `UnbalancedError` where too much would have to be mended."""
        return self.flow(Place(inline=inline))

    def repaired(self, what: str) -> None:
        """Note a repair of the structure. Raises `UnbalancedError` after too many."""
        self.repairs += 1
        if self.repairs > _MOST_REPAIRS:
            raise UnbalancedError("too many unmatched braces, environments or dollar signs")
        self.ledger.remark(what)

    def flow(self, place: Place) -> str:
        """Write until whatever closes `place`; the closer is not consumed."""
        out: list[str] = []
        while (token := self.cursor.peek()) is not None:
            if token.kind == "close":
                if place.group:
                    break
                self.cursor.place += 1
                self.repaired("an unmatched } is left out")
                continue
            if token.kind == "word" and token.text == "end":
                if self._ends(place):
                    break
                continue
            if place.item and token.kind == "word" and token.text == "item":
                break
            if place.cell and (
                token.kind == "align"
                or (token.kind == "symbol" and token.text == "\\")
                or (token.kind == "word" and token.text in _ROW_WORDS)
            ):
                break
            self.cursor.place += 1
            out.append(self._piece(token, place))
        return "".join(out)

    def _ends(self, place: Place) -> bool:
        """Say whether the `\\end` in hand closes an open environment; one that closes none is consumed."""
        start = self.cursor.place
        self.cursor.place += 1
        name = (self.cursor.raw_text() or "").strip()
        if name in place.environments or (place.environments and alike(name, place.environments[-1])):
            self.cursor.place = start
            return True
        if name not in known.UNFRAMED_ENVIRONMENTS:
            self.repaired(f"\\end{{{name[:30]}}} without its beginning is left out")
        return False

    def group(self, place: Place, **changes: object) -> str:
        """Write the braced argument that comes next; an absent one is empty."""
        if not self.cursor.at_group():
            return ""
        self.cursor.place += 1
        inner = self.flow(place.deeper(group=True, cell=False, item=False, **changes))
        token = self.cursor.peek()
        if token is not None and token.kind == "close":
            self.cursor.place += 1
        else:
            self.repaired("a { is never closed")
        return inner

    def inner(self, tokens: list[Token], place: Place) -> str:
        """Write tokens cut out of the text, as a text of their own."""
        outer, self.cursor = self.cursor, Cursor(tokens)
        try:
            return self.flow(place.deeper(group=False, environments=(), cell=False, item=False, inline=True))
        finally:
            self.cursor = outer

    def define_label(self, name: str, number: str = "") -> str:
        """Return a label, unless its name is taken; without a number, it stands for what was numbered last."""
        if name in self.ledger.labels:
            self.ledger.remark(f"label {name!r} is defined twice; the first stands")
            return ""
        self.ledger.labels[name] = number or self.ledger.last_number
        return self.target.label(name)

    def ensure_math(self, place: Place) -> str:
        """Write the argument of `\\ensuremath`."""
        tokens = self.cursor.raw_group()
        if tokens is None or not source_of(tokens).strip():
            return ""
        try:
            return self.target.formula(MathWriter(tokens, self.ledger, self.target).write())
        except UnsettableError as error:
            return self.shown_source(tokens, error)

    def characters(self, text: str) -> str:
        """Return characters that the target can set."""
        return self.target.characters(text, self.ledger.lost, math=False)

    def _piece(self, token: Token, place: Place) -> str:
        match token.kind:
            case "text":
                return self.characters(_plain(token.text))
            case "open":
                self.cursor.place -= 1
                return "{" + self.group(place) + "}"
            case "word":
                from peercycle.export.tidy.words import write_word

                return write_word(self, token, place)
            case "symbol":
                return self._symbol(token.text, place)
            case "math":
                return self._inline_formula()
            case "display":
                return self._display(place, "display")
            case "par":
                return " " if place.inline or place.cell else "\n\n"
            case "tie":
                return "~"
            case "code":
                return self._code(token.text, place)
            case "param" | "align" | "up" | "down":
                return escape(token.text)
            case _:
                return ""

    def _symbol(self, text: str, place: Place) -> str:
        if text in set("{}$%&#_"):
            return f"\\{text}"
        if text == "\\":
            self.cursor.star()
            self.cursor.bracket()
            return " " if place.inline or place.cell else "\n\n"
        if text in set(" ,;:!"):
            return {" ": "\\ ", "!": ""}.get(text, "\\,")
        if text == "(":
            return self._inline_formula(closer=")")
        if text == "[":
            return self._display(place, "]")
        if text in known.ACCENTS:
            return self._accent(text)
        return "\\-" if text == "-" else ""

    def _accent(self, accent: str) -> str:
        letter = self.cursor.raw_text() if self.cursor.at_group() else None
        if letter is None:
            token = self.cursor.peek()
            if token is None or token.kind != "text" or not token.text:
                return ""
            letter = token.text[0]
            self.cursor.tokens[self.cursor.place] = Token("text", token.text[1:])
        letter = letter.strip().lstrip("\\")
        if not re.fullmatch(r"[A-Za-z]", letter):
            return self.characters(escape(letter))
        dotless = letter in "ij" and accent in "`^~='\""
        return f"\\{accent}{{\\{letter}}}" if dotless else f"\\{accent}{{{letter}}}"

    def _code(self, text: str, place: Place) -> str:
        if not text.endswith("\n"):
            return f"\\texttt{{{self.characters(escape(text, code=True))}}}"
        if place.inline or place.cell:
            return f"\\texttt{{{self.characters(escape(' '.join(text.split()), code=True))}}}"
        return self.target.code(text, self.ledger.lost)

    def _inline_formula(self, closer: str = "") -> str:
        tokens = self._until(closer)
        if tokens is None:
            self.repaired(
                "a $ that opens no formula is set as a dollar sign" if not closer else "a \\( is never closed"
            )
            return "\\$" if not closer else "("
        if not source_of(tokens).strip():
            return ""
        try:
            body = MathWriter(tokens, self.ledger, self.target).write()
        except UnsettableError as error:
            return self.shown_source(tokens, error)
        return self.target.formula(body.strip())

    def shown_source(self, tokens: list[Token], error: UnsettableError) -> str:
        """Write a formula that cannot be set as its source, and note why."""
        source = " ".join(source_of(tokens).split())
        self.ledger.remark(f"formula {source[:60]!r} is shown as its source: {error}")
        return f"\\texttt{{{self.characters(escape(source, code=True))}}}"

    def _until(self, closer: str) -> list[Token] | None:
        """Return the tokens up to what closes a formula, and go beyond it; None where nothing does."""
        tokens, start, depth = self.cursor.tokens, self.cursor.place, 0
        for index in range(start, min(len(tokens), start + _LONGEST_FORMULA)):
            token = tokens[index]
            depth += (token.kind == "open") - (token.kind == "close")
            if token.kind == "par" and closer not in {"]", "display"}:
                return None
            if token.kind == "word" and (token.text in _PROSE_WORDS or (token.text == "begin" and not closer)):
                return None
            if token.kind == "text" and depth == 0 and not closer and PROSE.search(token.text):
                return None
            if depth < 0:
                return None
            if depth > 0:
                continue
            if not closer and token.kind == "display":
                tokens[index] = Token("math", "$")  # `$a$$b$`: one formula ends here, the next begins
                self.cursor.place = index
                return tokens[start:index]
            closes = (
                (not closer and token.kind == "math")
                or (closer == "display" and token.kind == "display")
                or (len(closer) == 1 and token.kind == "symbol" and token.text == closer)
            )
            if closes:
                if not closer and is_price(source_of(tokens[start : min(index, start + 60)])):
                    return None
                self.cursor.place = index + 1
                return tokens[start:index]
        return None

    def _display(self, place: Place, closer: str) -> str:
        tokens = self._until(closer)
        if tokens is None:
            self.repaired("a displayed formula is never closed")
            return ""
        return self.display(tokens, "equation*", place)

    def display(self, tokens: list[Token], environment: str, place: Place) -> str:
        """Write a displayed formula from its tokens."""
        from peercycle.export.tidy.displays import write_display

        return write_display(self, tokens, environment, inline=place.inline or place.cell)


def alike(one: str, other: str) -> bool:
    """Say whether one environment's end may stand for another's: both are lists, or differ by a star."""
    return (one in known.LISTS and other in known.LISTS) or one.rstrip("*") == other.rstrip("*")


_ROW_WORDS = frozenset(
    "hline toprule midrule bottomrule cmidrule cline addlinespace tabularnewline specialrule".split()
)

_PROSE_WORDS = known.CITES | {"item", "section", "subsection", "paragraph", "caption", "footnote", "includegraphics"}


def _plain(text: str) -> str:
    """Return a stretch of text with the few characters escaped that mean something else in TeX's fonts."""
    return (
        text.replace('"', "\\textquotedbl{}")
        .replace("<", "\\textless{}")
        .replace(">", "\\textgreater{}")
        .replace("|", "\\textbar{}")
    )
