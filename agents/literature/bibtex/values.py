"""Values of fields: braces, quotes, numbers, macros and their concatenation."""

from __future__ import annotations

import re

from peercycle.agents.literature.bibtex.scanner import NAME, Source

_MONTHS = "January February March April May June July August September October November December"
MONTHS = {name[:3].lower(): name for name in re.findall(r"\w+", _MONTHS)}
"""The macros that every standard style defines."""

LONGEST_MACRO = 10_000
"""Characters of an expanded macro: macros made of macros grow exponentially."""

_BARE = re.compile(NAME)
_QUOTED = re.compile(r'[{}"]')
_CONCATENATION = re.compile(r"\s*+#\s*+")


class Values:
    """Reads values by BibTeX's grammar, expanding macros within an allowance."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.macros: dict[str, str] = {}
        self.undefined: list[str] = []
        """Macros that nothing defines, met since the caller last emptied the list."""
        self._allowance = max(1_000_000, 4 * source.size)

    def strict(self, position: int) -> tuple[str, int] | None:
        """Return the value that begins at `position` and where it ends; none if the grammar fails."""
        first = self._piece(position)
        if first is None:
            return None
        text, end = first
        if (more := _CONCATENATION.match(self.source.text, end)) is None:
            return text, end
        pieces = [text]
        while more:
            piece = self._piece(more.end())
            if piece is None:
                break
            pieces.append(piece[0])
            end = piece[1]
            more = _CONCATENATION.match(self.source.text, end)
        return "".join(pieces), end

    def _piece(self, position: int) -> tuple[str, int] | None:
        text = self.source.text
        mark = text[position : position + 1]
        if mark == "{":
            end = self.source.closing.get(position)
            return None if end is None else (text[position + 1 : end], end + 1)
        if mark == '"':
            return self._quoted(position)
        if (bare := _BARE.match(text, position)) is None:
            return None
        return self._expanded(bare[0]), bare.end()

    def _quoted(self, position: int) -> tuple[str, int] | None:
        text, closing = self.source.text, self.source.closing
        at = position + 1
        while found := _QUOTED.search(text, at):
            if found[0] == '"':
                return text[position + 1 : found.start()], found.end()
            end = closing.get(found.start()) if found[0] == "{" else None
            if end is None:
                return None
            at = end + 1
        return None

    def _expanded(self, name: str) -> str:
        if name.isdigit():
            return name
        macro = name.lower()
        value = self.macros.get(macro) or MONTHS.get(macro)
        if value is None:
            if macro not in self.macros:
                self.undefined.append(name)
                return name
            return ""
        self._allowance -= len(value)
        return value if self._allowance >= 0 else name

    def define(self, name: str, value: str) -> bool:
        """Define a macro; return whether its value had to be cut off."""
        self.macros[name] = value[:LONGEST_MACRO]
        return len(value) > LONGEST_MACRO
