"""The fields of one entry, by the grammar where it holds and by landmarks where it does not.

What the grammar accepts is never doubted: a value whose braces match and which a comma or the entry's
end follows may hold anything, a whole entry included. Only where the grammar fails is the text searched
for the next place that looks like a field, an entry or an `Abstract:` line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from peercycle.agents.literature.bibtex.mending import extends_value, mended
from peercycle.agents.literature.bibtex.scanner import FIELD_NAMES, HEADER, NAME, Source
from peercycle.agents.literature.bibtex.values import Values

_FIELD = re.compile(rf"\s*+({NAME})\s*+=\s*+")
_FOLLOWER = re.compile(r"\s*+([,})]?)")
_BLANKS = re.compile(r"\s*+")
_WITHOUT_EQUALS = re.compile(rf"({NAME})\s*+,?+\s*+(=?+)\s*+(?=[{{\"\w])")
_LEADING_MARKS = re.compile(r"[ \t=#,})]++(?=[{\"])")
_JUNK = re.compile(r"[,{}()@\n]")
_CONTINUES = re.compile(rf"[\s,}})]*+(?:[^\s,={{}}@\"]{{1,80}},\s*+)?(?:{NAME}\s*+)?=\s*+[{{\"\w]")
_ENDS = re.compile(r"\s*+(?:@|\Z|\n[ \t]*\n)")


@dataclass(slots=True)
class Fields:
    """What was read between an entry's key and its end."""

    values: dict[str, str] = field(default_factory=dict)
    end: int = 0
    """Position behind the entry."""
    damage: list[tuple[int, str, bool]] = field(default_factory=list)
    """Position, message, and whether something was lost."""
    remarks: list[tuple[int, str]] = field(default_factory=list)
    """What is odd but leaves the entry whole."""


class FieldReader:
    """Reads the fields of one entry after another."""

    def __init__(self, source: Source, values: Values) -> None:
        self._source = source
        self._values = values
        self._fields = Fields()
        self._closer = "}"

    def read(self, position: int, closer: str) -> Fields:
        """Read from behind the key's comma up to the entry's end, which `closer` should mark."""
        self._fields = fields = Fields()
        self._closer = closer
        text = self._source.text
        at: int | None = position
        while at is not None:
            fields.end = at
            found = _FIELD.match(text, at)
            at = self._value(found[1], found.end()) if found else self._otherwise(at)
        return fields

    def _value(self, name: str, start: int) -> int:
        read = self._values.strict(start)
        if self._values.undefined:
            self._report_macros(start)
        if read is not None:
            value, end = read
            follower = _FOLLOWER.match(self._source.text, end)
            mark = follower[1] if follower else ""
            if mark and mark in {",", self._closer}:
                self._keep(name, value, start)
                return follower.end() if follower and mark == "," else end
        return self._doubtful(name, start, read)

    def _doubtful(self, name: str, start: int, read: tuple[str, int] | None) -> int:
        """Settle a value that has no proper end, or that nothing proper follows."""
        source, text = self._source, self._source.text
        marks = _LEADING_MARKS.match(text, start)
        if marks is not None:
            self._damage(start, f"stray marks before the value of {name!r}", lost=False)
            return self._value(name, marks.end())
        if self._at_end(start) or text[start] == self._closer or _FIELD.match(text, start):
            self._damage(start, f"{name!r} has no value", lost=True)
            return start
        if read is None:
            return self._cut(name, start, source.next_bound(start))
        value, end = read
        blanks = _BLANKS.match(text, end)
        behind = blanks.end() if blanks else end
        if _FIELD.match(text, behind) is not None:
            self._damage(end, f"no comma after the value of {name!r}", lost=False)
        elif (cut := source.cut_inside(start, end, 1 if text[start] == "{" else 0)) is not None:
            return self._cut(name, start, cut)
        elif not self._at_end(behind):
            bound = source.next_bound(end - 1)
            if extends_value(text[start], text[end:bound], source.net(end, bound)):
                return self._cut(name, start, bound)
        self._keep(name, value, start)
        return end

    def _cut(self, name: str, start: int, end: int) -> int:
        self._keep(name, mended(self._source.text[start:end]), start)
        self._damage(start, f"the value of {name!r} is not delimited as it should be", lost=True)
        return end

    def _otherwise(self, position: int) -> int | None:
        """Go on where no field begins; none at the entry's end."""
        text = self._source.text
        blanks = _BLANKS.match(text, position)
        at = blanks.end() if blanks else position
        if self._at_end(at):
            self._damage(min(at, self._source.size), "the entry is never closed", lost=False)
            self._fields.end = self._line_start(at)
            return None
        mark = text[at]
        if mark in "})":
            return self._close(at, mark)
        if mark == ",":
            self._damage(at, "stray comma", lost=False)
            return at + 1
        bare = _WITHOUT_EQUALS.match(text, at)
        if bare and (bare[2] or text[bare.end()] in '{"' or bare[1].lower() in FIELD_NAMES):
            self._damage(at, f"no proper equals sign after {bare[1]!r}", lost=False)
            return self._value(bare[1], bare.end())
        return None if self._prose_follows(position, at) else self._skip(at)

    def _prose_follows(self, position: int, at: int) -> bool:
        """Tell whether the entry was never closed, and text without a field or an end stands behind it."""
        source = self._source
        if source.text.count("\n", position, at) < 2:
            return False
        if source.next_bound(at) < min(source.next_entry(at), source.next_abstract(at)):
            return False
        self._damage(position, "the entry is never closed", lost=False)
        return True

    def _close(self, at: int, mark: str) -> int | None:
        text = self._source.text
        if mark != self._closer:
            if _ENDS.match(text, at + 1) is None:
                self._damage(at, f"stray {mark!r}", lost=False)
                return at + 1
            self._damage(at, f"the entry is closed by {mark!r}, not by {self._closer!r}", lost=False)
        elif self._closed_early(at + 1):
            self._damage(at, f"stray {mark!r}", lost=False)
            return at + 1
        self._fields.end = at + 1
        return None

    def _closed_early(self, behind: int) -> bool:
        """Tell whether fields go on behind a closing brace that some later brace was meant to be."""
        text = self._source.text
        if text[behind : behind + 2] == "\n\n" or _CONTINUES.match(text, behind) is None:
            return False
        end = min(self._source.next_entry(behind), self._source.next_abstract(behind))
        if self._closer == ")":
            gap = text[behind : min(end, behind + 10_000)]
            return gap.count(")") > gap.count("(")
        return self._source.net(behind, end) < 0

    def _skip(self, at: int) -> int:
        self._damage(at, f"not a field: {self._source.text[at : at + 30]!r}", lost=True)
        found = _JUNK.search(self._source.text, at + 1)
        if found is None:
            return self._source.size
        if found[0] == "{":
            return self._source.closing.get(found.start(), found.start()) + 1
        return found.end() if found[0] in ",\n(" else found.start()

    def _at_end(self, at: int) -> bool:
        """Tell whether the text, another entry or an `Abstract:` line for one begins at `at`."""
        if at >= self._source.size:
            return True
        if self._source.text[at] == "@":
            found = HEADER.match(self._source.text, at)
            return found is not None and found[2] is not None
        line = self._line_start(at)
        return self._source.next_abstract(line) == line

    def _line_start(self, at: int) -> int:
        line = self._source.text.rfind("\n", max(0, at - 200), at) + 1
        return line if line >= self._fields.end and not self._source.text[line:at].strip() else at

    def _keep(self, name: str, value: str, position: int) -> None:
        lowered = name.lower()
        if lowered in self._fields.values:
            self._fields.remarks.append((position, f"field {lowered!r} is repeated; the first one is kept"))
            return
        self._fields.values[lowered] = " ".join(value.split())

    def _damage(self, position: int, message: str, *, lost: bool) -> None:
        if lost or not self._fields.damage or self._fields.damage[-1][1] != message:
            self._fields.damage.append((position, message, lost))

    def _report_macros(self, position: int) -> None:
        for name in self._values.undefined:
            self._fields.remarks.append((position, f"macro {name!r} is not defined; its name is kept"))
        self._values.undefined.clear()
