"""Checks of numbers that a paper gives more than once, in text, tables and captions."""

from __future__ import annotations

from itertools import combinations

from peercycle.agents.reviewers.rubric.findings import Fault, Finding, nothing_there
from peercycle.agents.reviewers.rubric.inspection import Inspection
from peercycle.agents.reviewers.rubric.paper import Paper
from peercycle.agents.reviewers.rubric.quantities import Pool, estimates, masked, number_of_words
from peercycle.core.numerals import Numeral
from peercycle.core.result_numbers import result_numbers


def numbers_recur(i: Inspection) -> Finding:
    """Numbers given in several places agree: each agreement between two places is counted.

    One changed digit costs an agreement. Places are sections, the tables together and the captions together, so
    that a table or section given twice adds none.
    """
    name = "numbers-recur"
    places = {where: found for where, found in _places(i.paper).items() if found}
    if not places:
        return nothing_there(name, "no number is given")
    pools = {where: Pool(n.value for n in found) for where, found in places.items()}
    agreements = 0
    for a, b in combinations(sorted(places), 2):
        agreements += max(_held(places[a], pools[b]), _held(places[b], pools[a]))
    evidence = f"{agreements} agreements of a number between two of {len(places)} places"
    return Finding(name, evidence, credit=0.6 + 0.4 * agreements / (agreements + 8))


def _held(numbers: list[Numeral], pool: Pool) -> int:
    return sum(pool.holds(n) for n in numbers)


def _places(paper: Paper) -> dict[str, list[Numeral]]:
    found: dict[str, list[Numeral]] = {}
    for part in paper.parts:
        if part.role not in {"references", "related", "aside"}:
            _add(found, f"section {part.heading}", part.prose)
    for f in paper.floats:
        _add(found, "captions", f.caption)
    for table in paper.tables:
        for row in table.rows:
            for cell in row:
                for n in cell.numbers:
                    _put(found, "tables", n.number)
    return found


def _add(found: dict[str, list[Numeral]], where: str, text: str) -> None:
    for n in result_numbers(text, []):
        _put(found, where, n.number)
    for number in number_of_words(text):
        _put(found, where, number)


def _put(found: dict[str, list[Numeral]], where: str, number: Numeral) -> None:
    """Keep a number that says something: a decimal, a percentage, or an integer of two digits.

    Tables are full of standard errors of one digit, which meet others by chance.
    """
    numbers = found.setdefault(where, [])
    if where == "tables" and number.significant < 2:
        return
    if (not number.integral or abs(number.value) >= 10) and all(n.value != number.value for n in numbers):
        numbers.append(number)


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
        in_tables[masked(shape)] = sum(bool(c.numbers) for row in table.rows for c in row[1:])
    text, cells = sum(in_text.values()), sum(in_tables.values())
    n = text + cells
    fault = Fault("no result is given in numbers", None, "evidence")
    return Finding(
        name, f"{text} estimates in the text, {cells} numbers in tables", () if n else (fault,), _rising(n)
    )


def _rising(n: int) -> float:
    return 0.2 + 0.8 * n / (n + 8) if n else 0.0
