"""What was wrong with a file, collected in the order of its lines."""

from __future__ import annotations

from typing import Literal

from peercycle.agents.literature.bibtex.entry import Fields
from peercycle.agents.literature.bibtex.scanner import Source
from peercycle.core.literature import BibliographyProblem

MOST = 2_000
"""Problems kept one by one; a file with more is not a bibliography, and the rest is counted."""


class Problems:
    """Collects problems by position or line."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._found: list[BibliographyProblem] = []
        self._more = 0

    def add(self, position: int, message: str, *, key: str | None = None, lost: bool = True) -> None:
        """Report what is wrong at a position of the text; `lost` if it cost a field or an entry."""
        self.add_on_line(self._source.line(position), message, key=key, lost=lost)

    def add_on_line(self, line: int, message: str, *, key: str | None, lost: bool) -> None:
        """Report what is wrong on a line."""
        if len(self._found) >= MOST:
            self._more += 1
            return
        severity: Literal["error", "warning"] = "error" if lost else "warning"
        problem = BibliographyProblem(line=line, message=message, key=key or None, severity=severity)
        self._found.append(problem)

    def from_fields(self, fields: Fields, key: str | None, start: int) -> None:
        """Report what the reader of an entry's fields met."""
        for position, message, lost in fields.damage:
            self.add(max(position, start), message, key=key, lost=lost)
        for position, message in fields.remarks:
            self.add(position, message, key=key, lost=False)

    def found(self) -> tuple[BibliographyProblem, ...]:
        """Return the problems by line; beyond the first 2,000 only how many more there were."""
        found = sorted(self._found, key=lambda problem: problem.line)
        if self._more:
            message = f"{self._more} more problems"
            found.append(BibliographyProblem(line=found[-1].line, message=message))
        return tuple(found)
