"""The check that binds a manuscript's numbers to measurements and its citations to the bibliography.

Everything here is a pure function of text and words, linear in the text's length, and total on any string.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from peercycle.core.citations import check_citations, citation_keys
from peercycle.core.derivations import agrees, derived_value
from peercycle.core.experiments import ExperimentResults, Measurement
from peercycle.core.latex_scan import LatexScan, Span, scan_latex, span_at
from peercycle.core.literature import Bibliography
from peercycle.core.numerals import (
    RELATIONS,
    Numeral,
    Printed,
    agrees_with,
    is_percentage,
    is_right_rounding,
    printed_numbers,
    read_numeral,
)
from peercycle.core.remembering import remembered
from peercycle.core.result_numbers import blank_non_prose, result_numbers, table_spans
from peercycle.core.writing import CheckReport, Manuscript, NumberCheck

__all__ = [
    "MeasuredUse",
    "check_citations",
    "check_manuscript",
    "check_numbers",
    "citation_keys",
    "is_right_rounding",
    "measured_uses",
]

_BOUND_BEFORE = re.compile(r"(<|>|\\lt|\\gt|\\leq?|\\geq?|≤|≥)(?:\s|~|\\[,;:! ]|\$)*$")
_PERCENT_AFTER = re.compile(r"(?:\s|~|\\[,;:! ]|\$|\}){0,4}\\%")
_LISTED_ROLES = frozenset({"results", "discussion", "conclusion", "limitations", "appendix", "other"})


@dataclass(frozen=True, slots=True)
class MeasuredUse:
    """One `\\measured{ID}{SHOWN}` in a text, and where it begins and ends."""

    id: str
    shown: str
    start: int
    end: int


def measured_uses(latex: str) -> tuple[MeasuredUse, ...]:
    """Return the bindings of a text in order; those in comments and verbatim material are none."""
    return tuple(_uses(scan_latex(latex)))


def _uses(scan: LatexScan) -> Iterator[MeasuredUse]:
    for command in scan.commands:
        if command.name != "measured":
            continue
        _, groups, end = scan.arguments(command, limit=2)
        if len(groups) == 2:
            name = scan.at(groups[0]).strip().replace("\\_", "_")
            yield MeasuredUse(name, scan.at(groups[1]).strip(), command.start, end)


class _Measured:
    """The results, indexed for look-up by id and by value."""

    def __init__(self, results: ExperimentResults | None) -> None:
        self.by_id: dict[str, Measurement] = {}
        for measurement in results.measurements if results else ():
            self.by_id.setdefault(measurement.id, measurement)
        self.wrong = {m.id: fault for m in self.by_id.values() if (fault := self._derivation_fault(m)) is not None}
        self.ordered = sorted((m.value, m.id) for m in self.by_id.values())

    def _derivation_fault(self, measurement: Measurement) -> tuple[str, float | None] | None:
        """Recompute a derived measurement; return what is wrong with it and what it should be."""
        if measurement.derived is None:
            return None
        statistic, parts = measurement.derived.statistic, measurement.derived.of
        lost = [part for part in parts if part not in self.by_id]
        if lost:
            return f"its {statistic} rests on {lost[0]!r}, which is no measurement", None
        values = [self.by_id[part].value for part in parts]
        value = derived_value(statistic, values)
        if value is None:
            return f"the {statistic} of {len(values)} value is not defined", None
        if agrees(measurement.value, value, values):
            return None
        return (
            f"recorded as {measurement.value:.6g}, but the {statistic} of its {len(values)} parts is {value:.6g}",
            value,
        )

    def simulated(self, measurement: Measurement) -> bool:
        """A number is simulated when it says so, or when it was derived from one that does."""
        parts = measurement.derived.of if measurement.derived else ()
        found = [measurement, *(self.by_id[p] for p in parts if p in self.by_id)]
        return any(m.provenance == "simulated" for m in found)

    def near(self, number: Numeral) -> Measurement | None:
        """Return the first measurement that an unbound number is a right rounding of, where that says something.

        An integer must be met exactly, and a decimal must show two significant digits or be met exactly: every
        `0.5` rounds some measurement.
        """
        for scale in (0, 2) if number.percent else (0,):
            wanted = number.scaled(scale)
            half = 0.5 * 10.0**wanted.last if abs(wanted.last) < 300 else 0.0
            value = float(wanted.value)
            low = bisect_left(self.ordered, (value - half * 1.01, ""))
            high = bisect_right(self.ordered, (value + half * 1.01, "\U0010ffff"))
            for recorded, name in self.ordered[low : low + min(high - low, 64)]:
                exact = recorded == value
                measurement = self.by_id[name]
                unit_fits = scale == 0 or is_percentage(measurement.unit)
                telling = exact or (not number.integral and number.significant >= 2)
                if unit_fits and telling and wanted.rounds(recorded):
                    return measurement
        return None


def check_numbers(
    manuscript: Manuscript, results: ExperimentResults | None, task_text: str = ""
) -> tuple[NumberCheck, ...]:
    """Return what every number that claims a result rests on, in the order of the text.

    Bindings are checked wherever they stand; numbers without one are listed in the abstract, in sections that
    can hold results, and in tables. A number that the task's own text states is not listed.
    """
    measured = _Measured(results)
    given = frozenset(p.number.value for p in printed_numbers(task_text)) if task_text else frozenset[object]()
    parts = [("title", manuscript.title, False), ("abstract", manuscript.abstract, True)]
    parts += [(s.heading, s.body, s.role in _LISTED_ROLES) for s in manuscript.sections]
    return tuple(
        check for where, latex, listed in parts for check in _check_part(where, latex, listed, measured, given)
    )


def _check_part(
    where: str, latex: str, listed: bool, measured: _Measured, given: frozenset[object]
) -> list[NumberCheck]:
    read = _read(latex)
    found = [(use.start, _bound(use, where, read.text, read.tables, measured)) for use in read.uses]
    for number in read.numbers:
        if (listed or span_at(read.tables, number.start)) and number.number.value not in given:
            found.append((number.start, _unbound(number, where, measured)))
    return [check for _, check in sorted(found, key=lambda pair: pair[0])]


@dataclass(frozen=True, slots=True)
class _Read:
    """A part of a paper as it is checked: its text without comments, tables, bindings, and numbers without one."""

    text: str
    tables: tuple[Span, ...]
    uses: tuple[MeasuredUse, ...]
    numbers: tuple[Printed, ...]


@remembered
def _read(latex: str) -> _Read:
    scan = scan_latex(latex)
    tables = table_spans(scan)
    numbers = tuple(result_numbers(blank_non_prose(scan), tables))
    return _Read(scan.text, tuple(tables), tuple(_uses(scan)), numbers)


def _unbound(number: Printed, where: str, measured: _Measured) -> NumberCheck:
    near = measured.near(number.number)
    if near is None:
        return NumberCheck(shown=number.shown, where=where, status="unbound")
    detail = "found by its value alone"
    return NumberCheck(shown=number.shown, where=where, status="by_value", measurement=near.id, detail=detail)


def _bound(use: MeasuredUse, where: str, text: str, tables: Sequence[Span], measured: _Measured) -> NumberCheck:
    measurement = measured.by_id.get(use.id)
    if measurement is None:
        return NumberCheck(
            shown=use.shown, where=where, status="unknown_id", measurement=use.id, detail=f"no measurement {use.id!r}"
        )
    detail, value = measured.wrong.get(use.id, ("", None))
    right = _shows(use, measurement.value if value is None else value, measurement.unit, text, tables)
    status = "wrong_rounding" if not right else "simulated" if measured.simulated(measurement) else "bound"
    if not right and not detail:
        unread = read_numeral(use.shown) is None
        detail = "what is shown is not one number" if unread else f"the measured value is {measurement.value:.10g}"
    return NumberCheck(shown=use.shown, where=where, status=status, measurement=use.id, detail=detail)


def _shows(use: MeasuredUse, value: float, unit: str | None, text: str, tables: Sequence[Span]) -> bool:
    """Tell whether a binding shows its value; a relation or percent sign around it, or a table's `%`, count."""
    number = read_numeral(use.shown)
    if number is None:
        return False
    table = span_at(tables, use.start)
    if table is not None and not number.percent and "\\%" in text[table.start : min(use.start, table.start + 2000)]:
        return agrees_with(number, value, unit) or agrees_with(number.scaled(-2), value, None)
    if not number.percent and _PERCENT_AFTER.match(text[use.end : use.end + 12]) and not is_percentage(unit):
        number = number.scaled(-2)
    if agrees_with(number, value, unit):
        return True
    relation = _BOUND_BEFORE.search(text[max(0, use.start - 16) : use.start])
    if relation is None:
        return False
    return Numeral(number.value, number.last, RELATIONS[relation.group(1)]).bounds(value)


def check_manuscript(
    manuscript: Manuscript, results: ExperimentResults | None, bibliography: Bibliography, task_text: str = ""
) -> CheckReport:
    """Check a manuscript's numbers and citations, offline."""
    citations = check_citations(manuscript, bibliography)
    cited = {check.key for check in citations}
    uncited = tuple(dict.fromkeys(entry.key for entry in bibliography.entries if entry.key not in cited))
    return CheckReport(citations=citations, numbers=check_numbers(manuscript, results, task_text), uncited=uncited)
