"""A BibTeX file's text with its landmarks: lines, matched braces, where entries and fields begin.

Everything is found in one pass over the text and looked up by bisection, so that a reader which has
to go back over a damaged place stays linear in the size of the file.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from functools import cached_property

NAME = r"[^\s\"#%'(),={}@]++"
"""BibTeX's identifiers, less `@`."""

ENTRY_TYPES = frozenset(
    re.findall(
        r"\w+",
        """
    article book booklet collection conference dataset electronic inbook incollection inproceedings
    inreference manual mastersthesis misc mvbook online patent periodical phdthesis proceedings report
    software suppbook techreport thesis unpublished www
    """,
    )
)
_TYPE = "|".join(sorted(ENTRY_TYPES | {"string", "preamble", "comment"}, reverse=True))

FIELD_NAMES = frozenset(
    re.findall(
        r"\w+",
        """
    abstract address annote archiveprefix author booktitle chapter crossref date doi edition editor
    eprint eprinttype file howpublished institution isbn issn journal journaltitle key keywords language
    location month note number numpages organization pages primaryclass publisher school series title
    type url urldate volume year
    """,
    )
)
_FIELD = "|".join(sorted(FIELD_NAMES, reverse=True))

HEADER = re.compile(
    rf"@\s*+({NAME})\s*+(?:([{{(])\s*+|(?=[^\s,{{}}=\"@]*+\s*+,\s*+{NAME}\s*+=))"
    rf"|(?m:^)@[{{(]?+([^\n@{{(]{{1,30}}+)([{{(])\s*+(?=[^\s,{{}}\"=]++\s*+,\s*+{NAME}\s*+=)",
)
"""`@type{`; or `@type key, name =`, whose brace is missing (then group 2 is none).

Or, in groups 3 and 4, `@ty,pe{key, name =` on a line of its own, whose type holds a stray mark.
"""

_ENTRY_START = re.compile(
    rf"^[ \t]*+@[ \t]*+(?:(?:{_TYPE})\s*+[{{(]|[A-Za-z]++\s*+[{{(]\s*+[^\s,{{}}\"=]++\s*+,)"
    rf"|@(?:{_TYPE})\s*+[{{(]\s*+[^\s,{{}}\"=]++\s*+,\s*+{NAME}\s*+=",
    re.IGNORECASE | re.MULTILINE,
)
_BEGINS_VALUE = r"(?=[{\"\d]|[A-Za-z][\w.-]*+\s*+(?:[,#}]|$))"
_FIELD_START = re.compile(
    rf"^[ \t]*+(?:,[ \t]*+)?+([A-Za-z][\w:+.-]*+)[ \t]*+=[ \t]*+{_BEGINS_VALUE}"
    rf"|[,}}\"]\s*+({_FIELD})\s*+=\s*+{_BEGINS_VALUE}",
    re.IGNORECASE | re.MULTILINE,
)
_ABSTRACT_LINE = re.compile(r"^[ \t]*+Abstract[ \t]*+:", re.IGNORECASE | re.MULTILINE)
_CLOSING_LINE = re.compile(r"^[ \t]*+[})][ \t]*+$", re.MULTILINE)
_UNUSABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\ud800-\udfff\ufdd0-\ufdd7]")


def normalise(raw: str) -> str:
    """Return `raw` with `\\n` line ends, and blanks for control characters and halves of surrogates."""
    text = raw.replace("\r\n", "\n").replace("\r", "\n") if "\r" in raw else raw
    return _UNUSABLE.sub(" ", text) if _UNUSABLE.search(text) else text


class Source:
    """A file's text and its landmarks, each found when first asked for."""

    def __init__(self, raw: str) -> None:
        self.text = normalise(raw)
        self.size = len(self.text)

    def line(self, position: int) -> int:
        """Return the line, from 1, that holds `position`."""
        return bisect_left(self._newlines, position) + 1

    @cached_property
    def _newlines(self) -> list[int]:
        return [found.start() for found in re.finditer("\n", self.text)]

    @cached_property
    def _braces(self) -> tuple[dict[int, int], list[int], list[int]]:
        closing: dict[int, int] = {}
        positions: list[int] = []
        depths: list[int] = []
        opened: list[int] = []
        depth = 0
        for found in re.finditer("[{}]", self.text):
            position = found.start()
            if found[0] == "{":
                opened.append(position)
                depth += 1
            else:
                depth -= 1
                if opened:
                    closing[opened.pop()] = position
            positions.append(position)
            depths.append(depth)
        return closing, positions, depths

    @cached_property
    def closing(self) -> dict[int, int]:
        """Where each opening brace that has one finds its closing brace."""
        return self._braces[0]

    def net(self, start: int, end: int) -> int:
        """Return opening less closing braces in `text[start:end]`."""
        _, positions, depths = self._braces
        first, last = bisect_left(positions, start), bisect_left(positions, end)
        return (depths[last - 1] if last else 0) - (depths[first - 1] if first else 0)

    @cached_property
    def _entry_starts(self) -> list[int]:
        return [found.start() + found[0].index("@") for found in _ENTRY_START.finditer(self.text)]

    @cached_property
    def _abstract_lines(self) -> list[int]:
        return [found.start() for found in _ABSTRACT_LINE.finditer(self.text)]

    @cached_property
    def _cuts(self) -> list[int]:
        fields = [found.start(found.lastindex or 0) for found in _FIELD_START.finditer(self.text)]
        return sorted({*fields, *self._entry_starts, *self._abstract_lines})

    @cached_property
    def _closing_lines(self) -> list[int]:
        return [found.start() for found in _CLOSING_LINE.finditer(self.text)]

    def next_entry(self, position: int) -> int:
        """Return where the first entry at or after `position` seems to begin, or the text's end."""
        return _at_or_after(self._entry_starts, position, self.size)

    def next_abstract(self, position: int) -> int:
        """Return where the first `Abstract:` line at or after `position` begins, or the text's end."""
        return _at_or_after(self._abstract_lines, position, self.size)

    def next_bound(self, position: int) -> int:
        """Return where a value that begins at `position` must end if its delimiters cannot be trusted."""
        return min(
            _at_or_after(self._cuts, position + 1, self.size),
            _at_or_after(self._closing_lines, position + 1, self.size),
        )

    def cut_inside(self, start: int, end: int, depth: int) -> int | None:
        """Return the first field, entry or `Abstract:` line in a value that stands `depth` braces deep."""
        for index in range(bisect_right(self._cuts, start), bisect_left(self._cuts, end)):
            if self.net(start, self._cuts[index]) == depth:
                return self._cuts[index]
        return None


def _at_or_after(positions: list[int], position: int, otherwise: int) -> int:
    index = bisect_left(positions, position)
    return positions[index] if index < len(positions) else otherwise
