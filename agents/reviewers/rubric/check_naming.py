"""The check that a number is said of what it was measured on: two things do not carry each other's numbers."""

from __future__ import annotations

import re
from collections import defaultdict
from decimal import Decimal
from itertools import combinations

from peercycle.agents.reviewers.rubric.findings import Fault, Finding, nothing_there
from peercycle.agents.reviewers.rubric.inspection import Inspection
from peercycle.agents.reviewers.rubric.placement import BINDING
from peercycle.agents.reviewers.rubric.prose import GENERIC, plain, tokens
from peercycle.agents.reviewers.rubric.tables import Table
from peercycle.core.result_numbers import table_spans
from peercycle.core.sentences import sentence_spans

_SHOWN = re.compile(r"\\measured\s*\{([^{}]*)\}\s*\{[^{}]*\}")
_RANKS = {"lowest": 0, "low": 0, "smallest": 0, "medium": 1, "middle": 1, "intermediate": 1, "moderate": 1,
          "high": 2, "highest": 2, "largest": 2}  # fmt: skip
_RANKED = re.compile(
    r"(?P<value>\d+\.\d+)\s?(?:\\%)?(?:\s?±\s?[\d.]+)?(?:\s\([^()]{0,40}\))?(?:\s[a-z]{1,8})?\s(?:at|for|under|with|in)\s"
    rf"(?:the\s)?(?P<rank>{'|'.join(_RANKS)})\b"
)


def numbers_are_said_of_their_own(i: Inspection) -> Finding:
    """Numbers of two arms do not stand under each other's names, nor ranked rows in the wrong order."""
    name = "numbers-stand-by-their-names"
    checked, faults = _swapped_bindings(i)
    ranked, wrong = _swapped_ranks(i)
    if not checked + ranked:
        return nothing_there(name, "the abstract and conclusion name no two things with a number each", absent=1.0)
    evidence = f"{checked + ranked} pairs of numbers with the names before them, {len(faults) + len(wrong)} exchanged"
    return Finding(name, evidence, (*faults, *wrong))


def _swapped_bindings(i: Inspection) -> tuple[int, list[Fault]]:
    """Compare the words before two numbers of one metric with the words that stand by each of them elsewhere."""
    by_id = {m.id: m for m in i.results.measurements} if i.results else {}
    manuscript = i.paper.manuscript
    if manuscript is None or not by_id:
        return 0, []
    short = {"abstract": manuscript.abstract}
    short |= {s.heading: s.body for s in manuscript.sections if s.role == "conclusion"}
    elsewhere = [s.body for s in manuscript.sections if s.role != "conclusion"]
    names = (_labels(i), _introductions(elsewhere))
    checked, faults = 0, []
    for where, latex in short.items():
        said = [(m, words) for m, words in _introduced(latex) if m in by_id]
        for (a, near_a), (b, near_b) in combinations(said, 2):
            x, y = by_id[a], by_id[b]
            if a == b or (x.metric, x.experiment) != (y.metric, y.experiment) or x.group == y.group:
                continue
            votes = (_vote(near_a, a, b, names), _vote(near_b, b, a, names))
            checked += any(votes)
            if votes == (-1, -1):
                faults.append(Fault(f"the numbers {a!r} and {b!r} stand under each other's names", where))
    return checked, faults


def _vote(words: frozenset[str], own: str, other: str, names: tuple[dict[str, frozenset[str]], ...]) -> int:
    """Return 1 where words name a thing rather than the other, -1 where they name the other, else 0.

    Labels decide; where none is among the words, what stands before the numbers elsewhere does.
    """
    for known in names:
        a, b = known.get(own, frozenset()), known.get(other, frozenset())
        mine, theirs = len(words & (a - b)), len(words & (b - a))
        if mine != theirs:
            return 1 if mine > theirs else -1
    return 0


def _introduced(latex: str) -> list[tuple[str, frozenset[str]]]:
    """Return the bound numbers of prose with the words of their sentence that name it: those
    before it, up to another number, or those behind it."""
    found: list[tuple[str, frozenset[str]]] = []
    text = _SHOWN.sub(lambda m: f" ⟨{m.group(1)}⟩ ", latex)
    for span in sentence_spans(text):
        pieces = re.split(r"⟨([^⟩]*)⟩", text[span.start : span.end])
        for at, (before, name, after) in enumerate(zip(pieces[::2], pieces[1::2], pieces[2::2], strict=False)):
            behind = _BEHIND.match(after)
            words = _words(behind.group(1)) if behind else frozenset[str]()
            found.append(
                (name.strip().replace("\\_", "_"), words or _words(before[_behind_last(before) if at else 0 :]))
            )
    return found


def _behind_last(text: str) -> int:
    """Return where the words end that name the number before this text."""
    behind = _BEHIND.match(text)
    return behind.end() if behind else 0


_BEHIND = re.compile(
    r"[^,.;:()]{0,40}?\b(?:for|with|by|under|using|in)\s((?:(?!\b(?:and|to|against|than)\b)[^,.;:()⟨]){1,60})"
)
"""What names a number that goes before its name: `22.09 million for the ninther`."""


def _words(latex: str) -> frozenset[str]:
    return frozenset(w for w in tokens(plain(latex)) if len(w) >= 3 and w[0].isalpha() and w not in _UNSAID)


_UNSAID = (GENERIC | {"mean", "seeds", "median", "interval", "average"}) - {"one", "two", "three", "first", "second"}


def _labels(i: Inspection) -> dict[str, frozenset[str]]:
    """Return the words that name each measurement: its group, and its row in a table."""
    found: dict[str, frozenset[str]] = defaultdict(frozenset)
    for m in i.results.measurements if i.results else ():
        found[m.id] = _words((m.group or "").replace("-", " ").replace("_", " "))
    for span in table_spans(i.paper.scan):
        for row in re.split(r"\\\\", i.paper.scan.at(span)):
            for use in BINDING.finditer(row):
                found[use.group(1).strip()] |= _words(re.sub(r"\\(?:hline|toprule|midrule)", " ", row.split("&")[0]))
    return found


def _introductions(bodies: list[str]) -> dict[str, frozenset[str]]:
    """Return the words that stand by each measurement in prose."""
    found: dict[str, frozenset[str]] = defaultdict(frozenset)
    for body in bodies:
        for name, words in _introduced(_without_floats(body)):
            found[name] |= words
    return found


def _without_floats(latex: str) -> str:
    return re.sub(r"\\begin\{(table|figure)(\*?)\}.*?\\end\{\1\2\}", "\n\n", latex, flags=re.DOTALL)


def _swapped_ranks(i: Inspection) -> tuple[int, list[Fault]]:
    """Compare `52.4 at low, 64.2 at high` with the rows of a table whose labels are numbers."""
    checked, faults = 0, []
    levels = [column for table in i.paper.tables for column in _levels(table)]
    for part in i.paper.parts:
        for line in part.sentences:
            said = [(_RANKS[m.group("rank")], Decimal(m.group("value"))) for m in _RANKED.finditer(line)]
            for column in levels:
                known = [(rank, column[value]) for rank, value in said if value in column]
                pairs = [(a, b) for a, b in combinations(known, 2) if a[0] != b[0]]
                checked += len(pairs)
                if any((a[0] < b[0]) != (a[1] < b[1]) for a, b in pairs):
                    faults.append(Fault(f"low and high are not those of the table: {line[:160]!r}", part.heading))
    return checked, faults


def _levels(table: Table) -> list[dict[Decimal, Decimal]]:
    """Return, for each column of a table whose rows are labelled by numbers, the label of each value."""
    rows = [row for row in table.data if len(row) > 1 and row[0].value is not None]
    if len(rows) < 2:
        return []
    columns = range(1, min(len(row) for row in rows))
    return [{v: label for row in rows if (v := row[c].value) is not None and (label := row[0].value) is not None}
            for c in columns]  # fmt: skip
