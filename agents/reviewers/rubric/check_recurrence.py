"""Checks of numbers that a paper gives more than once, in text, tables and captions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations

from peercycle.agents.reviewers.rubric.findings import Fault, Finding, nothing_there
from peercycle.agents.reviewers.rubric.inspection import Inspection
from peercycle.agents.reviewers.rubric.paper import Paper
from peercycle.agents.reviewers.rubric.quantities import Pool, counts, estimates, masked
from peercycle.core.numerals import Numeral
from peercycle.core.result_numbers import result_numbers


def numbers_recur(i: Inspection) -> Finding:
    """Numbers given in several places agree: each agreement between two places is counted.

    One changed digit costs an agreement. Places are sections, the tables together and the captions together, so
    that a table or section given twice adds none. Round integers agree only as counts of one thing.
    """
    name = "numbers-recur"
    places = {where: found for where, found in _places(i.paper).items() if found.numbers or found.counts}
    if not places:
        return nothing_there(name, "no number is given")
    agreements = 0
    for a, b in combinations(sorted(places), 2):
        agreements += _agreements(places[a], places[b])
    evidence = f"{agreements} agreements of a number between two of {len(places)} places"
    return Finding(name, evidence, credit=0.6 + 0.4 * agreements / (agreements + 8))


@dataclass(slots=True)
class _Place:
    """What one place gives: decimals and percentages, and counts with what they count."""

    numbers: list[Numeral] = field(default_factory=list)
    counts: set[tuple[int, str]] = field(default_factory=set)

    def put(self, number: Numeral) -> None:
        """Keep a number that says something by itself: a decimal, a percentage, an integer that is not round."""
        telling = not number.integral or number.percent or _is_not_round(number.value)
        if telling and all(n.value != number.value for n in self.numbers):
            self.numbers.append(number)


def _agreements(a: _Place, b: _Place) -> int:
    return max(_held(a.numbers, b.numbers), _held(b.numbers, a.numbers)) + len(a.counts & b.counts)


def _held(numbers: list[Numeral], others: list[Numeral]) -> int:
    pool = Pool(n.value for n in others)
    return sum(pool.holds(n) or _is_whole_part(n, others) for n in numbers)


def _is_whole_part(n: Numeral, others: list[Numeral]) -> bool:
    """Tell whether a number without decimals rounds one with decimals: 11 for 11.4."""
    return n.integral and any(not o.integral and not o.percent and n.rounds(float(o.value)) for o in others)


def _places(paper: Paper) -> dict[str, _Place]:
    found: dict[str, _Place] = defaultdict(_Place)
    for part in paper.parts:
        if part.role not in {"references", "related", "aside"}:
            _add(found[f"section {part.heading}"], part.prose)
    for f in paper.floats:
        _add(found["captions"], f.caption)
    for table in paper.tables:
        for row in table.data:
            for cell in row:
                for n in cell.numbers:
                    if n.number.significant >= 2:  # standard errors of one digit meet others by chance
                        found["tables"].put(n.number)
    return found


def _add(place: _Place, text: str) -> None:
    for n in result_numbers(text, []):
        place.put(n.number)
    place.counts.update(counts(text))


def results_are_stated(i: Inspection) -> Finding:
    """There are results to read: estimates in the text, numbers in the tables, those said twice counted once."""
    name = "results-are-stated"
    in_text: dict[str, int] = {}
    for part in i.paper.of("results", "discussion", "other", "abstract"):
        for line in part.sentences:
            if found := estimates(line):
                in_text[masked(line)] = len(found)
    in_tables: dict[str, int] = {}
    for table in i.paper.tables:
        shape = " / ".join(table.label(n) for n in range(len(table.rows))) + table.context
        in_tables[masked(shape)] = sum(bool(c.numbers) for row in table.data for c in row[1:])
    text, cells = sum(in_text.values()), sum(in_tables.values())
    n = text + cells
    fault = Fault("no result is given in numbers", None, "evidence")
    return Finding(
        name, f"{text} estimates in the text, {cells} numbers in tables", () if n else (fault,), _rising(n)
    )


def _rising(n: int) -> float:
    return 0.2 + 0.08 * min(n, 10) if n else 0.0


def _is_not_round(value: Decimal) -> bool:
    # A remainder of a number beyond the precision of decimals cannot be formed; such a number is not round.
    return abs(value) > 10 and (value.adjusted() >= 27 or value % 10 != 0)
