"""Checks that what the abstract and the closing parts restate is what the paper found."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import pairwise

from peercycle.agents.reviewers.rubric.findings import Fault, Finding, nothing_there
from peercycle.agents.reviewers.rubric.inspection import Inspection
from peercycle.agents.reviewers.rubric.paper import Paper
from peercycle.agents.reviewers.rubric.prose import CITE
from peercycle.agents.reviewers.rubric.quantities import Pool, counts, estimates, pool_of
from peercycle.core.numerals import Numeral, Printed
from peercycle.core.result_numbers import result_numbers


def abstract_matches(i: Inspection) -> Finding:
    """Numbers that the abstract states occur in the body with the same value."""
    name = "abstract-matches-body"
    paper = i.paper
    if not paper.abstract.strip():
        return nothing_there(name, "there is no abstract")
    numbers = list(result_numbers(paper.abstract, []))
    stated = counts(paper.abstract)
    products = {count for count in stated if _is_product(paper, *count)}
    sizes = [Decimal(n) for n, unit in stated if (n, unit) not in products]
    pool = pool_of(paper, without=frozenset({"abstract"}))
    made = {n for n, _ in products}
    lost = [n for n in numbers if not pool.holds(n.number) and n.number.value not in made]
    lost_sizes = [n for n in sizes if n not in set(pool.values) and all(n != m.number.value for m in lost)]
    faults = [Fault(f"the abstract's {n.shown!r} occurs nowhere else", "abstract") for n in lost]
    faults += [Fault(f"the abstract's count {n} occurs nowhere else", "abstract") for n in lost_sizes]
    shown = len(numbers) + len(sizes)
    if not shown:
        return Finding(name, "the abstract states no number", credit=0.5 if _reports(paper) else PASS_WITHOUT)
    kept = shown - len(faults)
    return Finding(
        name, f"{kept} of {shown} numbers of the abstract occur in the body", tuple(faults), _ramp(shown, 3)
    )


def _is_product(paper: Paper, n: int, unit: str) -> bool:
    """Tell whether a number of things is that of each row of a table times the rows: 60 loaves, 20 at each level."""
    texts = [p.prose for p in paper.body] + [f.caption for f in paper.floats]
    each = {m for text in texts for m, other in counts(text) if other == unit}
    return any(n == m * len(table.data) for m in each for table in paper.tables if m < n)


PASS_WITHOUT = 0.6


def _reports(paper: Paper) -> bool:
    return any(estimates(part.prose) for part in paper.of("results"))


def _ramp(n: int, full: int) -> float:
    """Return a credit that rises with the first few things shown and then stays."""
    return 1.0 if n >= full else 0.7 + 0.3 * n / full


def statements_match(i: Inspection) -> Finding:
    """Own numbers restated in introduction, discussion and conclusion occur in the results or tables."""
    name = "restated-numbers-match"
    roles = ("introduction", "discussion", "conclusion", "limitations")
    pool = pool_of(i.paper, without=frozenset(roles))
    stated: list[tuple[str, Printed]] = []
    for part in i.paper.of(*roles):
        for line in part.sentences:
            stated += [(part.heading, n) for n in estimates(line) if not _is_theirs(line, part.role, pool, n)]
    if not stated:
        return nothing_there(name, "introduction, discussion and conclusion restate no number", absent=1.0)
    held = [pool.holds(n.number) or _is_step(i.paper, n.number) for _, n in stated]
    faults = tuple(
        Fault(f"{n.shown!r} occurs in no result", where)
        for (where, n), right in zip(stated, held, strict=True)
        if not right
    )
    return Finding(
        name, f"{len(stated) - len(faults)} of {len(stated)} restated numbers occur in the results", faults
    )


_THEIRS = re.compile(
    r"⟨c⟩\s(?:[a-z]+\s){0,4}?(?:found|find|report|show|observ|measur|describ|estimat|reach|obtain|claim|put|give|gave|saw|set)\w*"
    r"|\b(?:found|reported|shown|observed|measured|described|estimated|given|proposed|published|known|of|by|in|to|from|with|than)\s(?:by\s|"
    r"in\s)?(?:[A-Z][\w.-]+\s(?:et al\.\s|and [A-Z]\w+\s)?)?⟨c⟩"
)
"""The citation is part of the sentence: it says that somebody found something."""


def _is_theirs(line: str, role: str, pool: Pool, n: Printed) -> bool:
    """Tell whether a number is the cited work's; a citation that only ends the sentence does not make it so."""
    if CITE not in line or pool.holds(n.number):
        return False
    return role == "introduction" or _THEIRS.search(line) is not None


def _is_step(paper: Paper, number: Numeral) -> bool:
    """Tell whether a number is the step between two levels that label neighbouring rows of a table."""
    for table in paper.tables:
        levels = [row[0].numbers[0].number for row in table.data if row and row[0].numbers]
        steps = {abs(b.value - a.value) for a, b in pairwise(levels)}
        if len(steps) == 1 and len(levels) > 2 and number.value in steps:
            return True
    return False
