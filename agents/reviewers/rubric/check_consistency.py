"""Checks of a paper's numbers against each other; they need nothing but the paper."""

from __future__ import annotations

import re

from peercycle.agents.reviewers.rubric.findings import Fault, Finding, nothing_there
from peercycle.agents.reviewers.rubric.inspection import Inspection
from peercycle.agents.reviewers.rubric.paper import Paper
from peercycle.agents.reviewers.rubric.prose import CITE
from peercycle.agents.reviewers.rubric.quantities import (
    P_VALUE,
    count_value,
    counts,
    intervals,
    probability,
    value_of,
)
from peercycle.agents.reviewers.rubric.tables import Table
from peercycle.core.numerals import read_numeral
from peercycle.core.remembering import remembered

_SHARE = re.compile(
    r"(?P<k>\b\d{1,7}(?:,\d{3})*|\b[a-z]{3,9}) (?:out )?of (?:the |all |its |our )?(?P<n>\d{1,7}(?:,\d{3})*|"
    r"[a-z]{3,9})"
    r"\b[^.()%]{0,60}[(,]\s?(?P<share>\d{1,3}(?:\.\d+)?)\s?\\%"
)
_FROM_TO = re.compile(
    r"\b(?P<verb>\w+)(?: \w+){0,3}? from (?P<a>[-−]?\d*\.?\d+)\s?(?:\\%|\w{1,3}\b)?(?: \([^)]*\))? to "
    r"(?P<b>[-−]?\d*\.?\d+)",
)
_UP = re.compile(r"^(?:r[io]se|risen|increas|grow|grew|climb|gain|went up|rais)", re.IGNORECASE)
_DOWN = re.compile(r"^(?:f[ae]ll|drop|decreas|declin|reduc|shr[aiu]nk|sank|lower|cut|diminish)", re.IGNORECASE)
_VERSUS = re.compile(
    r"(?P<word>\b(?:later|earlier|sooner|higher|greater|larger|longer|more|exceed\w*|above|hotter|warmer|taller|heavier|older|lower|"
    r"smaller|fewer|less|shorter|below|cooler|colder|lighter|younger)\b)"
    r"[^.;()]{0,60}?\(?(?P<a>[-−]?\d*\.?\d+)\s?(?:\\%|[a-z°/³]{1,12})?\s?(?:\([^)]*\)\s?)?,?\s?"
    r"(?:vs\.?|versus|against|compared (?:with|to)|rather than)\s(?P<b>[-−]?\d*\.?\d+)"
)
LESS = frozenset(
    {
        "earlier",
        "sooner",
        "lower",
        "smaller",
        "fewer",
        "less",
        "shorter",
        "below",
        "cooler",
        "colder",
        "lighter",
        "younger",
    }
)
_ESTIMATE_BEFORE = re.compile(r"(?P<x>[-−]?(?<![\w^.])(?:\d*\.\d+|\d+))\s?(?:\\%)?[^.;\d]{0,45}$")
_INTERVAL_NAME = re.compile(
    r"[(\[,]?\s*(?:with a |a )?(?:(?:95|99|90)\s?\\%)?[\s-]*(?:[a-z]+\s){0,2}?(?:CIs?|intervals?)?\s*(?:of|from|"
    r"was|[:,=])?\s*$",
    re.IGNORECASE,
)


def arithmetic_holds(i: Inspection) -> Finding:
    """Shares, changes, comparisons in numbers, intervals and p-values add up."""
    name = "arithmetic-holds"
    checked = 0
    faults: list[Fault] = []
    for part in i.paper.parts:
        for line in part.sentences:
            n, wrong = _recomputed(line)
            checked += n
            faults += [Fault(text, part.heading) for text in wrong]
    n, found = _totals(i.paper)
    checked += n
    faults += [Fault(text) for text in found]
    if not checked:
        return nothing_there(
            name, "there is no share, change, comparison, interval or p-value to recompute", absent=0.7
        )
    return Finding(name, f"{checked - len(faults)} of {checked} statements add up", tuple(faults))


@remembered
def _recomputed(line: str) -> tuple[int, tuple[str, ...]]:
    """Return how many statements of a sentence can be recomputed, and what is wrong with those that do not add up."""
    found = [recompute(line) for recompute in (_shares, _changes, _comparisons, _intervals, _p_values)]
    return sum(n for n, _ in found), tuple(text for _, wrong in found for text in wrong)


def _shares(line: str) -> tuple[int, list[str]]:
    faults: list[str] = []
    checked = 0
    for m in _SHARE.finditer(line):
        k, n = count_value(m.group("k")), count_value(m.group("n"))
        share = read_numeral(m.group("share"))
        if not n or share is None:
            continue
        checked += 1
        if k > n or not share.rounds(100 * k / n):
            faults.append(f"{m.group('k')} of {m.group('n')} is {100 * k / n:.2f}\\%, not {m.group('share')}\\%")
    return checked, faults


def _changes(line: str) -> tuple[int, list[str]]:
    checked, faults = 0, []
    for m in _FROM_TO.finditer(line):
        words = re.findall(r"[A-Za-z]+", line[max(0, m.start() - 20) : m.start("a")])
        up, down = any(_UP.match(w) for w in words), any(_DOWN.match(w) for w in words)
        if up == down:
            continue
        checked += 1
        a, b = value_of(m.group("a")), value_of(m.group("b"))
        mixed = "\\%" in line[m.start("a") : m.end() + 3] and line[m.start("a") : m.end() + 3].count("\\%") == 1
        if not mixed and ((up and b < a) or (down and b > a)):
            faults.append(f"{m.group()!r} goes the other way")
    return checked, faults


def _comparisons(line: str) -> tuple[int, list[str]]:
    checked, faults = 0, []
    for m in _VERSUS.finditer(line):
        checked += 1
        a, b = value_of(m.group("a")), value_of(m.group("b"))
        if a != b and (a < b) != (m.group("word") in LESS):
            faults.append(f"{m.group()!r}: the numbers say the opposite")
    return checked, faults


def _intervals(line: str) -> tuple[int, list[str]]:
    """Find intervals that are upside down, or that do not hold the estimate right before them."""
    checked, faults = 0, []
    for found in intervals(line):
        if found.low is None or found.high is None:
            continue
        checked += 1
        before = _ESTIMATE_BEFORE.search(_INTERVAL_NAME.sub("", line[max(0, found.start - 90) : found.start]))
        if found.low > found.high:
            faults.append(f"the interval from {found.low:g} to {found.high:g} is upside down")
        elif before and not _holds(found.low, x := value_of(before.group("x")), found.high):
            faults.append(f"the estimate {x:g} lies outside its interval {found.low:g} to {found.high:g}")
    return checked, faults


def _holds(low: float, x: float, high: float) -> bool:
    """Tell whether an interval holds an estimate; either may be in percent."""
    return any(low <= x * scale <= high for scale in (1, 100, 0.01))


def _p_values(line: str) -> tuple[int, list[str]]:
    found = [m for m in P_VALUE.finditer(line) if m.group("relation")]
    wrong = [f"a p-value of {m.group('value')}" for m in found if probability(m) > 1]
    return len(wrong), wrong


_TOTAL = re.compile(r"^(?:total|sum|all|overall)$")


def _totals(paper: Paper) -> tuple[int, list[str]]:
    """Recompute the last row of a table where it calls itself a total."""
    checked, faults = 0, []
    for table in paper.tables:
        if not table.rows or not _TOTAL.match(table.label(len(table.rows) - 1)):
            continue
        for index in range(1, table.columns):
            wrong = _total_fault(table, index)
            checked += wrong is not None
            faults += [wrong] if wrong else []
    return checked, faults


def _total_fault(table: Table, index: int) -> str | None:
    cells = [cell for _, cell in table.column(index)]
    if len(cells) < 3 or not all(len(c.numbers) == 1 and c.numbers[0].number.integral for c in cells):
        return None
    *parts, total = (c.numbers[0].number.value for c in cells)
    return "" if sum(parts) == total else f"a column's total is given as {total}, its parts add up to {sum(parts)}"


def sample_sizes_agree(i: Inspection) -> Finding:
    """Counts of runs stated in several places agree with each other and with what was run."""
    name = "counts-agree"
    stated: dict[str, dict[int, set[str]]] = {}
    for part in i.paper.parts:
        if part.role in {"related", "references", "aside"}:
            continue
        for line in part.sentences:
            for n, unit in counts(line) if CITE not in line else ():
                stated.setdefault(unit, {}).setdefault(n, set()).add(part.heading)
    ran = _seed_counts(i)
    faults: list[Fault] = []
    for unit, values in stated.items():
        if unit == "seed" and ran:
            faults += [Fault(f"{n} seeds are stated; the results hold {sorted(ran)}") for n in values if n not in ran]
        elif unit in _FIXED and len(values) > 1:
            faults.append(Fault(f"the number of {unit}s is given as {', '.join(map(str, sorted(values)))}"))
    if not stated:
        return nothing_there(name, "no count of samples or runs is stated")
    places = {where for values in stated.values() for found in values.values() for where in found}
    credit = (0.0, 0.6, 0.85, 1.0)[min(3, len(places))]
    return Finding(
        name, f"counts are stated in {len(places)} sections, {len(faults)} contradict", tuple(faults), credit
    )


_FIXED = frozenset({"seed", "participant", "patient", "subject", "volunteer", "household", "respondent", "village",
                    "school", "hospital", "student", "n", "fold"})  # fmt: skip


def _seed_counts(i: Inspection) -> set[int]:
    results = i.results
    if results is None:
        return set()
    found: dict[str, set[int]] = {}
    for e in results.executions:
        if e.status == "ok":
            found.setdefault(e.experiment, set()).add(e.seed)
    for m in results.measurements:
        if m.seed is not None:
            found.setdefault(m.experiment, set()).add(m.seed)
    sizes = {len(seeds) for seeds in found.values()}
    return sizes | {len(e.seeds) for e in results.experiments}
