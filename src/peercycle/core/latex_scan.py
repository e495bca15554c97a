"""One linear pass over LaTeX: what is really typeset, its commands, and which brace closes which.

Every function is total: any string is read, however broken, and what cannot be read is left alone.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from peercycle.core.remembering import remembered

_TOKEN = re.compile(r"\\(?:[A-Za-z@]+|[\s\S]|\Z)|%[^\n]*|[{}\[\]]")
_HIDING = re.compile(r"\s{0,9}\{(verbatim\*?|Verbatim|BVerbatim|lstlisting|minted|alltt|comment|filecontents\*?)\}")
_RAW_ARGUMENT = frozenset({"\\url", "\\href", "\\path", "\\nolinkurl"})
_VERB = frozenset({"\\verb", "\\lstinline", "\\Verb"})
_NOT_NEWLINE = re.compile(r"[^\n]")
_SPACE = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class Command:
    """A control sequence: `name` without its backslash, and where the sequence begins and ends."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open range of the scanned text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment; `start` and `end` take in its `\\begin` and `\\end`, `body` does not."""

    name: str
    start: int
    end: int
    body: Span


@dataclass(frozen=True, slots=True)
class LatexScan:
    """A text of the same length as the source in which all that is not typeset as prose is blank."""

    text: str
    """The source with comments, verbatim material, `\\iffalse` blocks and URLs blanked out."""
    commands: tuple[Command, ...]
    closes: dict[int, int]
    """Position of the closing brace or bracket, by position of the opening one."""
    stray: tuple[int, ...]
    """Positions of braces that have no partner."""

    def group(self, position: int, opening: str = "{") -> Span | None:
        """Return the inside of the group that begins at `position`, blanks before it allowed."""
        start = _skip_blank(self.text, position)
        if start < len(self.text) and self.text[start] == opening and start in self.closes:
            return Span(start + 1, self.closes[start])
        return None

    def arguments(self, command: Command, limit: int = 9) -> tuple[list[Span], list[Span], int]:
        """Return a command's optional and mandatory arguments, and the position after them.

        Optional arguments count before the first mandatory one only; a star is passed over.
        """
        position = command.end + self.text.startswith("*", command.end)
        optional: list[Span] = []
        mandatory: list[Span] = []
        while len(mandatory) < limit:
            span = self.group(position, "[") if not mandatory else None
            if span is not None:
                optional.append(span)
            elif (span := self.group(position)) is not None:
                mandatory.append(span)
            else:
                break
            position = span.end + 1
        return optional, mandatory, position

    def at(self, span: Span) -> str:
        """Return the text of a span."""
        return self.text[span.start : span.end]

    def environments(self) -> Iterator[Environment]:
        """Yield every closed environment, inner ones before the outer one; ends without a begin are passed over."""
        open_: list[tuple[str, Command, int]] = []
        for command in self.commands:
            if command.name not in {"begin", "end"} or (group := self.group(command.end)) is None:
                continue
            name = self.at(group).strip()
            if command.name == "begin":
                open_.append((name, command, group.end + 1))
            elif open_ and open_[-1][0] == name:
                _, begin, body = open_.pop()
                yield Environment(name, begin.start, group.end + 1, Span(body, command.start))


def _skip_blank(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


class _Scanner:
    """State of one pass."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.blanks: list[Span] = []
        self.commands: list[Command] = []
        self.closes: dict[int, int] = {}
        self.stray: list[int] = []
        self.stack: list[int] = []
        self.never: set[str] = set()
        """Closing strings that no longer occur: looked for once only, so that the pass stays linear."""

    def run(self) -> LatexScan:
        position = 0
        while (token := _TOKEN.search(self.source, position)) is not None:
            position = self.take(token.group(), token.start(), token.end())
        self.stray += [p for p in self.stack if self.source[p] == "{"]
        return LatexScan(self.masked(), tuple(self.commands), self.closes, tuple(sorted(self.stray)))

    def take(self, found: str, start: int, end: int) -> int:
        """Account for one token and return where to go on."""
        if found[0] == "%":
            self.blanks.append(Span(start, end))
        elif found[0] == "\\":
            return self.command(found, start, end)
        elif found in "{[":
            self.stack.append(start)
        else:
            self.close(found, start)
        return end

    def close(self, brace: str, at: int) -> None:
        if brace == "]":
            if self.stack and self.source[self.stack[-1]] == "[":
                self.closes[self.stack.pop()] = at
            return
        while self.stack and self.source[self.stack[-1]] == "[":
            self.stack.pop()
        if self.stack:
            self.closes[self.stack.pop()] = at
        else:
            self.stray.append(at)

    def command(self, sequence: str, start: int, end: int) -> int:
        if sequence in _VERB and (stop := self.verb_end(end)) is not None:
            self.blanks.append(Span(start, stop))
            return stop
        if sequence == "\\begin" and (found := _HIDING.match(self.source, end)):
            return self.hide(start, f"\\end{{{found.group(1)}}}", end)
        if sequence == "\\iffalse":
            return self.hide(start, "\\fi", end)
        self.commands.append(Command(sequence[1:], start, end))
        if sequence == "\\end" and self.source.startswith("{document}", end):
            self.closes[end] = end + 9
            self.blanks.append(Span(end + 10, len(self.source)))
            return len(self.source)
        if sequence in _RAW_ARGUMENT and self.source.startswith("{", end):
            stop = self.source.find("}", end, end + 2000)
            if stop > 0:
                self.blanks.append(Span(end + 1, stop))
                self.closes[end] = stop
                return stop + 1
        return end

    def verb_end(self, position: int) -> int | None:
        position += self.source.startswith("*", position)
        if position >= len(self.source) or self.source[position].isspace():
            return None
        delimiter = "}" if self.source[position] == "{" else self.source[position]
        line_end = self.source.find("\n", position + 1, position + 2000)
        stop = self.source.find(delimiter, position + 1, line_end if line_end >= 0 else position + 2000)
        return None if stop < 0 else stop + 1

    def hide(self, start: int, closing: str, end: int) -> int:
        """Blank out up to `closing`; without one the text stays, so that nothing escapes the checks."""
        stop = -1 if closing in self.never else self.source.find(closing, end)
        if stop < 0:
            self.never.add(closing)
            return end
        self.blanks.append(Span(start, stop + len(closing)))
        return stop + len(closing)

    def masked(self) -> str:
        return blank_out(self.source, self.blanks)


def blank_out(text: str, spans: list[Span]) -> str:
    """Return `text`, of the same length, with spans replaced by blanks; line ends stay."""
    parts: list[str] = []
    done = 0
    for span in sorted(spans, key=lambda s: s.start):
        start = max(span.start, done)
        if span.end <= start:
            continue
        parts += [text[done:start], _NOT_NEWLINE.sub(" ", text[start : span.end])]
        done = span.end
    return "".join([*parts, text[done:]])


@remembered
def scan_latex(latex: str) -> LatexScan:
    """Read any string as LaTeX, in time linear in its length."""
    return _Scanner(latex).run()


def span_at(spans: Sequence[Span], position: int) -> Span | None:
    """Return the one of disjoint spans, in order, that holds a position."""
    index = bisect_right(spans, position, key=lambda s: s.start) - 1
    return spans[index] if index >= 0 and position < spans[index].end else None
