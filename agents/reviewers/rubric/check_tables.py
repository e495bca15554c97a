"""Checks of what the text says about rows of a table, and of a table with itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from peercycle.agents.reviewers.rubric.findings import Fault, Finding, nothing_there
from peercycle.agents.reviewers.rubric.inspection import Inspection
from peercycle.agents.reviewers.rubric.prose import CITE
from peercycle.agents.reviewers.rubric.quantities import Pool
from peercycle.agents.reviewers.rubric.tables import Table, entity
from peercycle.core.numerals import Numeral, printed_numbers
from peercycle.core.remembering import remembered
from peercycle.core.result_numbers import result_numbers

LOWER_IS_BETTER = re.compile(
    r"\b(?:error|loss|latency|runtime|time|seconds|rmse|mse|mae|perplexity|cost|wer|cer|mortality|deviation|distance|"
    r"fid|regret|bias|emission|failures?|deaths?|variance|lower is better)",
    re.IGNORECASE,
)

HIGHER_IS_BETTER = re.compile(
    r"\b(?:recall|precision|accuracy|f1|auc|auroc|ndcg|mrr|map|bleu|rouge|dice|iou|score|reward|yield|gain)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Arms:
    """The things that a paper compares, and the numbers that belong to each."""

    names: tuple[str, ...]
    values: dict[str, set[Decimal]]


def arms_of(i: Inspection) -> Arms:
    """Collect names of table rows and of measured groups with their numbers."""
    values: dict[str, set[Decimal]] = {}
    for table in i.paper.tables:
        for index, row in enumerate(table.rows):
            name = table.label(index)
            numbers = {n.number.value for cell in row[1:] for n in cell.numbers}
            if numbers and re.search(r"[a-z]", name) and 2 <= len(name) <= 60:
                values.setdefault(name, set()).update(numbers)
    for m in i.results.measurements if i.results else ():
        if m.group and (name := entity(m.group)):
            values.setdefault(name, set()).add(Decimal(repr(m.value)))
    names = tuple(sorted(values, key=lambda n: (-len(n), n)))
    return Arms(names, values)


def mentions(text: str, arms: Arms) -> tuple[tuple[int, int, str], ...]:
    """Return where arms are named, longest names first, none inside another."""
    found: list[tuple[int, int, str]] = []
    lowered = text.lower()
    for name in arms.names[:200]:
        for m in _spelt(name).finditer(lowered):
            if not any(a < m.end() and m.start() < b for a, b, _ in found):
                found.append((m.start(), m.end(), name))
    return tuple(sorted(found))


@remembered
def _spelt(name: str) -> re.Pattern[str]:
    return re.compile(r"\b" + r"[\s_,-]{0,2}".join(re.escape(w) for w in name.split()) + r"(?:'?s)?\b")


_LINK = re.compile(
    r"^\s?(?:\(|:|,|=)?\s?(?:(?:reach|achiev|attain|obtain|scor|yield|gave|gives?|give|averag|was|is|were|had|has|"
    r"show|"
    r"record|produc|at|of|with|got|took|takes|need|stood|rose|fell|lost|use|cost)\w*\s?(?:a|an|the|by|to|of|at|in|"
    r"mean|"
    r"average|median|accuracy|score|value|about|only|just|,)?\s?(?:\w+\s){0,3}?)?\(?$"
)
_FOR = re.compile(
    r"^\s?(?:\\%)?(?:\s?\([^)]*\)|\s?\[[^\]]*\]|\s?±\s?[\d.]+)?\s?(?:[a-z/]+\s){0,2}?(?:for|with|by|under|in|"
    r"from)\s(?:the\s|a\s)?$"
)


def text_matches_tables(i: Inspection) -> Finding:
    """A number written next to the name of an arm is one of that arm's numbers, where the tables know it."""
    name = "text-matches-tables"
    arms = arms_of(i)
    checked = 0
    faults: list[Fault] = []
    for part in i.paper.parts:
        for line in part.sentences if part.role not in {"related", "references"} else ():
            if CITE in line and part.role == "introduction":
                continue
            for arm, number, shown in linked_numbers(line, arms):
                if not _known(number, arms):
                    continue
                checked += 1
                if not _has(arms.values[arm], number):
                    faults.append(Fault(f"{shown!r} is said of {arm!r}, the tables give it to another", part.heading))
    echoed, stated = _echoes(i)
    if not checked and not stated:
        return nothing_there(name, "the results state no number beside the tables", absent=0.7)
    evidence = (
        f"{checked - len(faults)} of {checked} numbers said of an arm are that arm's in the tables; {echoed} of "
        f"{stated} "
        "numbers of the results occur in a table"
    )
    return Finding(name, evidence, tuple(faults), 0.7 + 0.1 * min(3, echoed))


def _echoes(i: Inspection) -> tuple[int, int]:
    """Return how many distinct numbers of the results occur in a table, and how many there are."""
    pool = Pool(n.number.value for table in i.paper.tables for row in table.rows for c in row for n in c.numbers)
    stated = {
        n.number.value: n.number
        for part in i.paper.of("results")
        for n in result_numbers(part.prose, [])
        if not n.number.integral or abs(n.number.value) >= 10
    }
    return sum(pool.holds(n) for n in stated.values()), len(stated)


def linked_numbers(line: str, arms: Arms) -> list[tuple[str, Numeral, str]]:
    """Return the numbers of a sentence that stand right after, or `for`, an arm's name."""
    numbers = [n for n in printed_numbers(line) if not n.number.integral or abs(n.number.value) >= 100]
    found = mentions(line, arms) if numbers else ()
    linked: list[tuple[str, Numeral, str]] = []
    for number in numbers:
        if any(a <= number.start < b for a, b, _ in found):
            continue
        after = next((m for m in found if m[0] >= number.end), None)
        before = next((m for m in reversed(found) if m[1] <= number.start), None)
        if after and _FOR.match(line[number.end : after[0]]):
            linked.append((after[2], number.number, number.shown))
        elif before and _LINK.match(line[before[1] : number.start].lower()):
            linked.append((before[2], number.number, number.shown))
    return linked


def _has(values: set[Decimal], shown: Numeral) -> bool:
    """Tell whether a number, its sign left aside, rounds one of `values`, as it stands or as a percentage."""
    powers = (0, 2) if shown.percent else (0, -2)
    scaled = [shown.scaled(power) for power in powers]
    return any(abs(abs(v) - abs(s.value)) <= Decimal(5).scaleb(s.last - 1) for v in values for s in scaled)


def _known(shown: Numeral, arms: Arms) -> bool:
    return any(_has(values, shown) for values in arms.values.values())


def tables_are_even(i: Inspection) -> Finding:
    """Within a table rows have equal width, a column's cells show a spread or none does, and bold marks the best."""
    name = "tables-are-even"
    tables = [t for t in i.paper.tables if sum(len(r) for r in t.rows) >= 4]
    if not tables:
        return nothing_there(name, "there is no table", absent=1.0)
    faults: list[Fault] = []
    for number, table in enumerate(tables, 1):
        for text in (*_uneven_rows(table), *_uneven_columns(table)):
            faults.append(Fault(text, f"table {number}"))
    cells = sum(len(row) for table in tables for row in table.rows)
    numeric = sum(1 for table in tables for row in table.data for cell in row[1:] if cell.numbers)
    credit = 1.0 if numeric >= 2 else 0.5
    return Finding(name, f"{len(tables)} tables with {cells} cells, {len(faults)} out of line", tuple(faults), credit)


def _uneven_rows(table: Table) -> list[str]:
    widths = [w for w, row in zip(table.widths, table.rows, strict=True) if len(row) > 1]
    if len(widths) < 2:
        return []
    usual = max(set(widths), key=widths.count)
    return [f"a row has {w} cells where others have {usual}" for w in widths if w != usual]


def _uneven_columns(table: Table) -> list[str]:
    faults: list[str] = []
    for index in range(1, table.columns):
        cells = [cell for _, cell in table.column(index)]
        if len(cells) < 2:
            continue
        spread = sum(cell.spread for cell in cells)
        if 0 < spread < len(cells) and spread >= len(cells) / 2:
            faults += ["a cell shows no spread where the column's others do"] * (len(cells) - spread)
        bold = [c for c in cells if c.bold and c.value is not None]
        values = [c.value for c in cells if c.value is not None]
        if bold and len(bold) < len(cells):
            best = _best_of(table, index, values)
            faults += [f"bold {c.text.strip()!r} is not the best of its column" for c in bold if c.value not in best]
    for row in table.rows:
        blank = sum(1 for cell in row[1:] if not cell.text.strip())
        if 0 < blank < len(row) - 1 and any(cell.numbers for cell in row[1:]):
            faults += ["a cell is empty where its row has numbers"] * blank
    return faults


def _best_of(table: Table, index: int, values: list[Decimal]) -> set[Decimal]:
    """Return the values that may be marked as best: both ends where the heading does not say which is better."""
    head = " ".join(row[index].text for row in table.rows[: max(1, table.headings)] if index < len(row))
    if LOWER_IS_BETTER.search(head):
        return {min(values)}
    return {max(values)} if HIGHER_IS_BETTER.search(head) else {max(values), min(values)}


def better(table: Table, index: int) -> int:
    """Return 1 where a column's higher numbers are the better ones, else -1."""
    head = " ".join(row[index].text for row in table.rows[:1] if index < len(row))
    return -1 if LOWER_IS_BETTER.search(head or table.context) else 1
