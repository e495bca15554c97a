"""The check that what is counted is as many as there are: rows of a table, and totals given elsewhere."""

from __future__ import annotations

import re
from collections import defaultdict

from peercycle.agents.reviewers.rubric.findings import Fault, Finding, nothing_there
from peercycle.agents.reviewers.rubric.inspection import Inspection
from peercycle.agents.reviewers.rubric.prose import CITE, stem, tokens
from peercycle.agents.reviewers.rubric.quantities import count_value, counts
from peercycle.agents.reviewers.rubric.series import word_stems
from peercycle.agents.reviewers.rubric.tables import Table

_SMALL = "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen twenty"
_N = rf"(?P<n>{'|'.join(_SMALL.split())}|\d{{1,2}})"
_KIND = re.compile(
    rf"(?<![\d.,±])\b{_N}\s(?P<words>(?:levels? of )?(?:(?!(?:of|in|on|at|for|with|and|or|to|from|by|per)\b)[a-z-]+(?:\s|\b)){{1,3}})",
    re.IGNORECASE,
)
_PARTIAL = re.compile(
    r"\b(?:(?:best|top|largest|first)\s(?:two|three|four|five|six|ten|\d+)|(?:two|three|four|five|six|ten|\d+)\s(?:best|largest|most)|"
    r"selected|excerpt|examples?|some of|furthest|farthest|strongest|weakest|nearest|closest|smallest|largest|lowest|"
    r"highest|rarest|commonest|most frequent)\b",
    re.IGNORECASE,
)
"""A table that says so shows a part of the things."""
_WHOLE = re.compile(r"\b(?P<k>\d{1,7}|[a-z]{3,9}) of (?:the |all |our )?(?P<n>\d{2,7}) (?P<unit>[a-z]{4,}s)\b")
_SCALED = re.compile(
    r"\b(?P<n>one|two|three|four|five|six|seven|eight|nine|ten|(?<![\d.,])\d+) (?P<scale>thousand|million|billion)"
    r"(?:\s[\w-]+)?? (?P<unit>[a-z]{3,}s)\b",
    re.IGNORECASE,
)
_BOUND = re.compile(r"\\measured\s*\{[^{}]*\}\s*\{(\d{1,2})\}")
_OTHERS = frozenset({"related", "references", "aside"})


def kinds_are_counted(i: Inspection) -> Finding:
    """`Seven detectors` are no more than the rows that a table of detectors has, and totals are given alike."""
    name = "kinds-are-as-many-as-shown"
    rows = _rows_by_heading(i.paper.tables)
    checked, faults = 0, _totals(i)
    # What a measurement gives is right by another check; its table may show a part.
    bound = {int(n) for n in _BOUND.findall(i.submission.manuscript.latex)} if i.submission.manuscript else set[int]()
    told = [(p.heading, line) for p in i.paper.parts if p.role not in _OTHERS for line in p.sentences]
    for where, line in (*told, *(("captions", f.caption) for f in i.paper.floats)):
        for shown, n, kind in _counted(line, rows) if CITE not in line else ():
            checked += 1
            if n > rows[kind] and not (shown[0].isdigit() and n in bound):
                faults.append(Fault(f"{shown!r}, and the table of them has {rows[kind]}", where))
    if not checked and not faults:
        return nothing_there(name, "nothing is counted of which there is a table", absent=1.0)
    return Finding(name, f"{checked} counts of what tables list, {len(faults)} contradicted", tuple(faults))


def _counted(line: str, rows: dict[str, int]) -> list[tuple[str, int, str]]:
    """Return what a sentence counts of the things that tables list: the words, the number, the things."""
    found: list[tuple[str, int, str]] = []
    for m in _KIND.finditer(line):
        kinds = [kind for word in tokens(m.group("words")) if (kind := stem(word)) in rows]
        if kinds:
            found.append((m.group().strip(), count_value(m.group("n")), kinds[0]))
    return found


def _rows_by_heading(tables: tuple[Table, ...]) -> dict[str, int]:
    """Return how many things each table lists, by the stem of the heading above their names; the most of any table."""
    found: dict[str, int] = {}
    for table in tables:
        if not table.headings or _PARTIAL.search(table.context):
            continue
        head = table.rows[table.headings - 1]
        for index, cell in enumerate(head[:2]):
            names = {" ".join(tokens(row[index].text)) for row in table.data if index < len(row)} - {""}
            named = [row[index] for row in table.data if index < len(row)]
            if index and any(c.numbers for c in named):
                continue
            for word in tokens(cell.text):
                if len(word) > 2 and len(names) > 1:
                    found[stem(word)] = max(found.get(stem(word), 0), len(names))
                    found[stem(word + "s")] = found[stem(word)]
    return found


def _totals(i: Inspection) -> list[Fault]:
    """Find `30 of the 90 stations` where every other count of stations is another, and `four million keys` so."""
    given: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    wholes: list[tuple[str, str, int, int]] = []
    scaled: dict[frozenset[str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    texts = [(p.heading, line) for p in i.paper.parts if p.role not in _OTHERS for line in p.sentences]
    for where, line in [*texts, *(("captions", f.caption) for f in i.paper.floats)]:
        for m in _WHOLE.finditer(line):
            wholes.append((where, m.group("unit").rstrip("s"), int(m.group("n")), count_value(m.group("k"))))
        for n, unit in counts(line):
            given[unit][n] += 1
        for m in _SCALED.finditer(line):
            scaled[word_stems(m.group("unit"))][f"{m.group('n')} {m.group('scale')}".lower()].append(where)
    faults: list[Fault] = []
    for where, unit, n, part in wholes:
        # A count below the part that is named here may be another part of the same whole.
        others = {other for other in given.get(unit, {}) if other != n and other > part}
        if given.get(unit, {}).get(n, 0) < 2 and any(other >= 10 for other in others):
            faults.append(Fault(f"{n} {unit}s are the whole here, and {sorted(others)} elsewhere", where))
    for found in scaled.values():
        rare = [(shown, places) for shown, places in found.items() if len(places) == 1]
        if len(found) == 2 and len(rare) == 1 and any(len(places) > 1 for places in found.values()):
            faults.append(Fault(f"{rare[0][0]!r} here, {sorted(set(found) - {rare[0][0]})} elsewhere", rare[0][1][0]))
    return faults
