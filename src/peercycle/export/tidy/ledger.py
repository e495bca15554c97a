"""What is learnt of a manuscript while its bodies are tidied, and what bodies may refer to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from peercycle.core.counting import counted

NumberKind = Literal["measured", "simulated", "unknown"]

MOST_UNSET = 8
"""Characters without a stand-in that a remark names."""


@dataclass(slots=True)
class Ledger:
    """One manuscript's, filled as its parts are tidied in order."""

    keys: Mapping[str, str]
    """Citation keys as the bibliography spells them, and as they are printed."""
    numbers: Mapping[str, NumberKind]
    """What each measurement is, by id."""
    figures: Mapping[str, str]
    """Files that exist, by every name that a body may call them."""
    cited: dict[str, None] = field(default_factory=dict)
    """Keys cited and known, in order of first citation."""
    shown: dict[str, None] = field(default_factory=dict)
    """Measurement ids shown, in order."""
    labels: dict[str, str] = field(default_factory=dict)
    """Labels defined, and the number each stands for."""
    remarks: dict[str, int] = field(default_factory=dict)
    """What was mended or left out, a line each, and how often."""
    unset: dict[str, int] = field(default_factory=dict)
    """Characters without a stand-in, and how often each was met."""

    counts: dict[str, int] = field(default_factory=dict)
    """How many sections, figures, tables, equations and theorems there are so far."""
    last_number: str = ""
    appendix: bool = False

    def numbered(self, kind: str) -> str:
        """Return the next number of a kind of thing."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.last_number = str(self.counts[kind])
        return self.last_number

    def heading(self, level: int) -> str:
        """Return the number of the next heading: level 0 is a section, 1 a subsection, 2 one below."""
        names = ("section", "subsection", "subsubsection")
        self.counts[names[level]] = self.counts.get(names[level], 0) + 1
        for lower in names[level + 1 :]:
            self.counts[lower] = 0
        numbers = [str(self.counts.get(name, 0)) for name in names[: level + 1]]
        if self.appendix:
            numbers[0] = chr(ord("A") + (self.counts.get("section", 1) - 1) % 26)
        self.last_number = ".".join(numbers)
        return self.last_number

    def begin_appendix(self) -> None:
        """Let sections be lettered from here on."""
        if not self.appendix:
            self.appendix = True
            self.counts.update(section=0, subsection=0, subsubsection=0)

    def remark(self, text: str) -> None:
        """Note one thing that was mended or left out."""
        self.remarks[text] = self.remarks.get(text, 0) + 1

    def lost(self, char: str) -> None:
        """Note a character that has no stand-in."""
        self.unset[char] = self.unset.get(char, 0) + 1

    def lines(self) -> list[str]:
        """Return the remarks with their counts."""
        lines = [text if n == 1 else f"{text} ({n} times)" for text, n in self.remarks.items()]
        return [*lines, self._unset_line()] if self.unset else lines

    def _unset_line(self) -> str:
        """Return one remark on all characters without a stand-in: an alphabet of them would be a page of lines."""
        named = ", ".join(f"{char} (U+{ord(char):04X})" for char in sorted(self.unset)[:MOST_UNSET])
        more = f" and {len(self.unset) - MOST_UNSET} more" if len(self.unset) > MOST_UNSET else ""
        total = sum(self.unset.values())
        are, their = ("is", "its number") if total == 1 else ("are", "their numbers")
        return f"{counted(total, 'character')} cannot be set in LaTeX and {are} shown by {their}: {named}{more}"
