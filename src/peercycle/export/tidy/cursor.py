"""A place in a list of tokens, and the arguments that follow it."""

from __future__ import annotations

from dataclasses import dataclass

from peercycle.export.tidy.formulas import source_of
from peercycle.export.tidy.tokens import Token

_LONGEST_ARGUMENT = 20_000


@dataclass(slots=True)
class Cursor:
    """Reads tokens one by one, and raw arguments as their source."""

    tokens: list[Token]
    place: int = 0

    def peek(self) -> Token | None:
        """Return the token in hand, or None at the end."""
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def skip_blanks(self) -> None:
        """Go beyond blanks, but not beyond the end of a paragraph."""
        while (token := self.peek()) is not None and token.kind == "text" and not token.text.strip():
            self.place += 1

    def at_group(self) -> bool:
        """Say whether an opening brace comes next, blanks aside; they are skipped only if so."""
        start = self.place
        self.skip_blanks()
        token = self.peek()
        if token is not None and token.kind == "open":
            return True
        self.place = start
        return False

    def raw_group(self) -> list[Token] | None:
        """Return the tokens of the braced argument that comes next, or None where none does."""
        if not self.at_group():
            return None
        depth, start = 0, self.place
        for index in range(start, min(len(self.tokens), start + _LONGEST_ARGUMENT)):
            kind = self.tokens[index].kind
            depth += (kind == "open") - (kind == "close")
            if depth == 0:
                self.place = index + 1
                return self.tokens[start + 1 : index]
        return None

    def raw_text(self) -> str | None:
        """Return the source of the braced argument that comes next, or None."""
        group = self.raw_group()
        return None if group is None else source_of(group)

    def star(self) -> bool:
        """Read a star, if one comes next."""
        token = self.peek()
        if token is not None and token.kind == "text" and token.text.startswith("*"):
            self.tokens[self.place] = Token("text", token.text[1:])
            return True
        return False

    def bracket(self) -> list[Token] | None:
        """Return the tokens of the bracketed argument that comes next, or None."""
        token = self.peek()
        if token is None or token.kind != "text" or not token.text.startswith("["):
            return None
        depth = 0
        for index in range(self.place, min(len(self.tokens), self.place + 400)):
            found = self.tokens[index]
            if found.kind == "par":
                return None
            depth += (found.kind == "open") - (found.kind == "close")
            if depth < 0:
                return None
            if found.kind == "text" and depth == 0 and "]" in found.text:
                return self._cut(index)
        return None

    def _cut(self, index: int) -> list[Token]:
        before, _, after = self.tokens[index].text.partition("]")
        if index == self.place:
            inside = [Token("text", before[1:])]
        else:
            first = Token("text", self.tokens[self.place].text[1:])
            inside = [first, *self.tokens[self.place + 1 : index], Token("text", before)]
        self.tokens[index] = Token("text", after)
        self.place = index
        return inside
