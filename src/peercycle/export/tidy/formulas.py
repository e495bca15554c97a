"""Formulas: every command known, braces and delimiters matched, no script set twice; or refused as a whole."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from peercycle.export.tidy.characters import escape
from peercycle.export.tidy.commands import (
    DELIMITER_WORDS,
    DISPLAYS,
    MATH_COMMANDS,
    MATH_OTHER_NAMES,
    MATRICES,
    REPORTED,
    SIZED,
    symbols,
)
from peercycle.export.tidy.ledger import Ledger
from peercycle.export.tidy.targets import Target
from peercycle.export.tidy.tokens import Token

_DEEPEST = 30
_CHAR_DELIMITERS = "()[]|./<>"
_SPACES = ",;:! >"


class UnsettableError(ValueError):
    """A formula that TeX would stumble over; shown as its source instead."""


@dataclass(slots=True)
class MathWriter:
    """Writes one formula from its tokens."""

    tokens: list[Token]
    ledger: Ledger
    target: Target
    place: int = 0
    labels: list[str] = field(default_factory=list)
    lines: int = 1
    unnumbered: int = 0

    def write(self, *, aligned: bool = False) -> str:
        """Return the whole formula. Raises `UnsettableError`."""
        body = self._row(0, aligned=aligned, group=False, environment=None)
        if self.place < len(self.tokens):
            raise UnsettableError("an unmatched brace or \\end")
        if not body.strip() and not self.labels:
            raise UnsettableError("nothing in it")
        return body

    def _peek(self) -> Token | None:
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def _row(self, depth: int, *, aligned: bool, group: bool, environment: str | None) -> str:
        """Write until the end of the group, the environment, or the tokens; the closer is not consumed."""
        if depth > _DEEPEST:
            raise UnsettableError("too deep a nesting")
        out: list[str] = []
        scripts: set[str] = set()
        lefts = 0
        while (token := self._peek()) is not None:
            if token.kind == "close" or (token.kind == "word" and token.text in {"end", "right"}):
                if token.text == "right" and lefts:
                    self.place += 1
                    lefts -= 1
                    out.append("\\right" + self._delimiter())
                    continue
                if (token.kind == "close" and group) or (token.text == "end" and environment):
                    break
                raise UnsettableError(f"an unmatched {token.text!r}")
            self.place += 1
            if token.kind in {"up", "down"}:
                if token.text in scripts:
                    out.append("{}")
                    scripts = set()
                scripts.add(token.text)
                out.append(token.text + self._argument(depth))
                continue
            if token.kind == "word" and token.text == "left":
                lefts += 1
                out.append("\\left" + self._delimiter())
                continue
            piece = self._piece(token, depth, aligned=aligned, lefts=lefts, scripts=scripts)
            if piece.strip():
                scripts = set()
            out.append(piece)
        if lefts:
            raise UnsettableError("\\left without \\right")
        return "".join(out)

    def _piece(self, token: Token, depth: int, *, aligned: bool, lefts: int, scripts: set[str]) -> str:
        if token.kind == "open":
            inner = self._row(depth + 1, aligned=False, group=True, environment=None)
            self._close()
            return "{" + inner + "}"
        if token.kind in {"align", "symbol"} and (token.kind == "align" or token.text == "\\"):
            if not aligned or lefts:
                raise UnsettableError("an alignment mark outside an alignment")
            if token.kind == "align":
                return "&"
            self._optional()
            self.lines += 1
            return "\\\\\n" + self._guard()
        if token.kind == "symbol":
            return self._symbol(token.text)
        if token.kind == "text":
            text = self.target.characters(token.text, self.ledger.lost, math=True)
            return "{}" + text if text.startswith("'") and "^" in scripts else text
        if token.kind == "word":
            return self._word(token, depth)
        if token.kind == "tie":
            return "~"
        if token.kind == "par":
            return "\n"
        raise UnsettableError(f"{token.text!r} inside")

    def _symbol(self, text: str) -> str:
        if text and (text in "{}%&#_$|" or text in _SPACES):
            return f"\\{text}"
        if text in {"-", "/"}:
            return "" if text == "-" else "/"
        raise UnsettableError(f"'\\{text}' inside")

    def _close(self) -> None:
        token = self._peek()
        if token is None or token.kind != "close":
            raise UnsettableError("a brace is never closed")
        self.place += 1

    def _skip_blanks(self) -> None:
        while (token := self._peek()) is not None and (
            token.kind == "par" or (token.kind == "text" and not token.text.strip())
        ):
            self.place += 1

    def _argument(self, depth: int) -> str:
        """Write the next argument, in braces."""
        self._skip_blanks()
        token = self._peek()
        if token is None or token.kind in {"close", "align", "up", "down"}:
            raise UnsettableError("an argument is missing")
        self.place += 1
        if token.kind == "open":
            inner = self._row(depth + 1, aligned=False, group=True, environment=None)
            self._close()
            return "{" + inner + "}"
        if token.kind == "text":
            text = token.text.lstrip()
            if len(text) > 1:
                self.place -= 1
                self.tokens[self.place] = Token("text", text[1:])
            return "{" + self.target.characters(text[0], self.ledger.lost, math=True) + "}"
        return "{" + self._piece(token, depth + 1, aligned=False, lefts=0, scripts=set()) + "}"

    def _delimiter(self) -> str:
        self._skip_blanks()
        token = self._peek()
        if token is None:
            raise UnsettableError("a delimiter is missing")
        self.place += 1
        if token.kind == "text":
            text = token.text.lstrip()
            if text[0] in _CHAR_DELIMITERS:
                if len(text) > 1:
                    self.place -= 1
                    self.tokens[self.place] = Token("text", text[1:])
                return text[0]
        if token.kind == "symbol" and token.text and token.text in "{}|":
            return f"\\{token.text}"
        if token.kind == "word" and token.text in DELIMITER_WORDS:
            return f"\\{token.text} "
        raise UnsettableError("a delimiter is missing")

    def _optional(self) -> str | None:
        token = self._peek()
        if token is None or token.kind != "text" or not token.text.startswith("["):
            return None
        end = token.text.find("]")
        if end < 0:
            return None
        self.tokens[self.place] = Token("text", token.text[end + 1 :])
        return token.text[1:end]

    def _guard(self) -> str:
        """Return what keeps a bracket that comes next from being read as an optional argument."""
        self._skip_blanks()
        token = self._peek()
        return (
            "{}" if token is not None and token.kind == "text" and token.text.lstrip().startswith(("[", "*")) else ""
        )

    def _raw(self) -> str:
        """Return the source of the next argument."""
        self._skip_blanks()
        token = self._peek()
        if token is None or token.kind != "open":
            raise UnsettableError("an argument is missing")
        depth, start = 0, self.place
        for index in range(start, len(self.tokens)):
            kind = self.tokens[index].kind
            depth += (kind == "open") - (kind == "close")
            if depth == 0:
                self.place = index + 1
                return source_of(self.tokens[start + 1 : index])
        raise UnsettableError("a brace is never closed")

    def _word(self, token: Token, depth: int) -> str:
        name = MATH_OTHER_NAMES.get(token.text, token.text)
        if name == "begin":
            return self._environment(depth)
        if name == "label":
            self.labels.append(self._raw())
            return ""
        if name in {"nonumber", "notag"}:
            self.unnumbered += 1
            return f"\\{name} "
        if name == "tag":
            self._raw()
            return ""
        if name == "measured":
            return self._measured(depth)
        if name == "middle" or name in SIZED:
            return f"\\{name}{self._delimiter()}" if name in SIZED else self._delimiter()
        if name in {"limits", "nolimits"}:
            return ""
        if name == "not":
            return "\\not" + self._argument(depth)
        if name in MATH_COMMANDS:
            return self._command(name, depth)
        if name in symbols() or "\\" in name or name in "{}":
            return f"\\{name} "
        if name in REPORTED:
            raise UnsettableError(f"'\\{name}' inside")
        self.ledger.remark(f"unknown command \\{token.text} is set as its name")
        return f"\\mathrm{{{token.text}}}"

    def _command(self, name: str, depth: int) -> str:
        out = f"\\{name}"
        for letter in MATH_COMMANDS[name]:
            if letter == "O":
                index = self._optional()
                shown = self.target.characters(index, self.ledger.lost, math=True) if index else ""
                out += f"[{shown}]" if re.fullmatch(r"[A-Za-z0-9+-]{1,8}", shown) else ""
            elif letter == "t":
                out += "{" + self._plain_text(self._raw()) + "}"
            else:
                out += self._argument(depth)
        return out

    def _plain_text(self, source: str) -> str:
        cleaned = re.sub(
            r"\\([A-Za-z]+|.)|[{}$]", lambda m: m.group(1) if (m.group(1) or "") in "%&#_$ " else "", source
        )
        return self.target.characters(escape(cleaned), self.ledger.lost, math=False)

    def _measured(self, depth: int) -> str:
        measurement = self._raw().strip()
        shown = self._argument(depth)[1:-1]
        kind = self.ledger.numbers.get(measurement, "unknown")
        self.ledger.shown.setdefault(measurement)
        return self.target.number(re.sub(r"[^A-Za-z0-9._:+-]", "-", measurement), kind, shown, math=True)

    def _environment(self, depth: int) -> str:
        name = self._raw().strip()
        if name in DISPLAYS and depth == 0 and name.rstrip("*") in {"align", "gather", "equation"}:
            name = {"align": "aligned", "gather": "gathered", "equation": "gathered"}[name.rstrip("*")]
        if name not in MATRICES:
            raise UnsettableError(f"environment {name!r} inside")
        columns = ""
        if name == "array":
            columns = "".join(c for c in self._raw() if c in "lcr|") or "l"
        self._optional()
        body = self._guard() + self._row(depth + 1, aligned=True, group=False, environment=name)
        token = self._peek()
        if token is None:
            raise UnsettableError(f"environment {name!r} is never closed")
        self.place += 1
        if self._raw().strip() not in {name, "align", "align*", "gather", "gather*", "equation", "equation*"}:
            raise UnsettableError("environments that cross")
        width = max((line.count("&") + 1 for line in body.split("\\\\")), default=1)
        if name == "array":
            columns += "l" * max(0, width - len(columns.replace("|", "")))
        if (name == "cases" and width > 2) or (name.endswith("matrix") and width > 10):
            raise UnsettableError(f"too many columns in {name!r}")
        return f"\\begin{{{name}}}{'{' + columns + '}' if columns else ''}{body}\\end{{{name}}}"


def source_of(tokens: list[Token]) -> str:
    """Return tokens as LaTeX again, near enough to be shown."""
    parts: list[str] = []
    for token in tokens:
        if token.kind == "word":
            parts.append(f"\\{token.text}" + (" " if token.spaced else ""))
        elif token.kind == "symbol":
            parts.append(f"\\{token.text}")
        else:
            parts.append(token.text)
    return "".join(parts)
