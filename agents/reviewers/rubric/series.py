"""What a paper compares, as series: one number for each arm, from a column of a table or from the measurements."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from peercycle.agents.reviewers.rubric.inspection import Inspection
from peercycle.agents.reviewers.rubric.prose import stem, tokens
from peercycle.agents.reviewers.rubric.tables import Table, entity
from peercycle.core.numerals import Numeral


@dataclass(frozen=True, slots=True)
class Series:
    """The numbers of one metric by arm."""

    name: frozenset[str]
    """Stems of the column's heading, or of the metric and its unit."""
    context: str
    """Caption and headings, or the metric, in lower case."""
    values: dict[str, float]

    def shows(self, number: Numeral) -> bool:
        """Tell whether one of its numbers rounds to the number shown."""
        return any(number.rounds(value) for value in self.values.values())


def series_of(i: Inspection) -> tuple[Series, ...]:
    """Return every column whose rows have names of their own, and every metric with several groups."""
    found = [s for table in i.paper.tables for s in _columns(table)]
    by_metric: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    units: dict[tuple[str, str], str] = {}
    for m in i.results.measurements if i.results else ():
        if m.group and m.derived is not None and m.derived.statistic == "mean":
            by_metric[m.experiment, m.metric][entity(m.group)] = m.value
            units[m.experiment, m.metric] = m.unit or ""
    for key, values in by_metric.items():
        if len(values) > 1:
            found.append(Series(word_stems(f"{key[1].replace('_', ' ')} {units[key]}"), key[1].lower(), values))
    return tuple(found)


def _columns(table: Table) -> list[Series]:
    head = table.rows[table.headings - 1] if table.headings else ()
    found: list[Series] = []
    for index in range(1, table.columns):
        pairs = [(label, cell.value) for label, cell in table.column(index) if label and cell.value is not None]
        values = {label: float(value) for label, value in pairs}
        if len(values) == len(pairs) > 1:
            title = head[index].text if index < len(head) and len(head) == table.columns else ""
            found.append(Series(word_stems(title), f"{title.lower()} {table.context}", values))
    return found


def word_stems(text: str) -> frozenset[str]:
    """Return the stems of all words of a text."""
    return frozenset(stem(word) for word in tokens(text))
