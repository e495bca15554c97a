"""The check of bindings against their neighbours: rows against their labels, intervals against their means."""

from __future__ import annotations

import re
from collections.abc import Iterator

from peercycle.agents.reviewers.rubric.findings import Fault, Finding, not_given
from peercycle.agents.reviewers.rubric.inspection import Inspection
from peercycle.agents.reviewers.rubric.placement import BINDING
from peercycle.agents.reviewers.rubric.prose import plain, tokens
from peercycle.core.experiments import Measurement
from peercycle.core.latex_scan import blank_out
from peercycle.core.result_numbers import table_spans
from peercycle.core.sentences import sentence_spans

_ENDS = frozenset({"ci95_low", "ci95_high"})
_MEANS = frozenset({"mean", "median"})
_RULES = re.compile(r"\\(?:hline|toprule|midrule|bottomrule)")
_OVERLAP = re.compile(
    r"\bintervals? (?P<no>do(?:es)? not |never )?overlaps?\b|\bintervals? (?:is|are) (?P<apart>disjoint|apart)\b"
)


def rows_hold_their_own(i: Inspection) -> Finding:
    """A row named after one group does not hold another's numbers; an interval stands by the mean it belongs to."""
    name = "bindings-stand-where-they-belong"
    results = i.results
    if results is None:
        return not_given(name, "no measurements were submitted")
    by_id = {m.id: m for m in results.measurements}
    tables = [_rows(i.paper.scan.at(span)) for span in table_spans(i.paper.scan)]
    rows = [row for table in tables for row in table]
    faults = [Fault(text, "table") for table in tables for row in table for text in _strange(row, table, by_id)]
    sentences = list(_sentences(i))
    for piece in (*rows, *sentences):
        faults += [Fault(text) for text in _loose_intervals(piece, by_id)]
    faults += [Fault(text) for text in _overlaps(sentences, by_id)]
    evidence = f"{len(rows)} rows and {len(sentences)} sentences with bindings, {len(faults)} bindings out of place"
    return Finding(name, evidence, tuple(faults))


def _rows(table: str) -> list[str]:
    return [_RULES.sub(" ", row) for row in re.split(r"\\\\", table) if "\\measured" in row]


def _sentences(i: Inspection) -> Iterator[str]:
    text = blank_out(i.paper.scan.text, table_spans(i.paper.scan))
    yield from (text[s.start : s.end] for s in sentence_spans(text))


def _bound(piece: str, by_id: dict[str, Measurement]) -> list[Measurement]:
    ids = (m.group(1).strip().replace("\\_", "_") for m in BINDING.finditer(piece))
    return [by_id[name] for name in ids if name in by_id]


def _flat(text: str) -> str:
    return "".join(tokens(text))


def _strange(row: str, rows: list[str], by_id: dict[str, Measurement]) -> list[str]:
    """Return a fault where a cell is the name of another row's group, and none of this row's."""
    here = [m for m in _bound(row, by_id) if m.group]
    own, metrics = {_flat(m.group or "") for m in here}, {(m.experiment, m.metric) for m in here}
    others = [m for other in rows for m in _bound(other, by_id) if (m.experiment, m.metric) in metrics]
    groups = {_flat(m.group): m.group for m in others if m.group}
    cells = [cell for cell in re.split(r"(?<!\\)&", row) if "\\measured" not in cell]
    named = {_flat(plain(cell)) for cell in cells} & groups.keys()
    if len(own) == 1 and named and not named & own:
        return [f"the row {groups[min(named)]!r} holds the numbers of {groups[min(own)]!r}"]
    return []


def _loose_intervals(piece: str, by_id: dict[str, Measurement]) -> list[str]:
    """Return a fault for each interval behind a mean of the same metric that it was not computed with."""
    bound = [m for m in _bound(piece, by_id) if m.derived is not None]
    means = {frozenset(m.derived.of) for m in bound if m.derived and m.derived.statistic in _MEANS}
    faults: list[str] = []
    last: Measurement | None = None
    for m in bound:
        statistic, of = (m.derived.statistic, frozenset(m.derived.of)) if m.derived else ("", frozenset[str]())
        if statistic in _MEANS:
            last = m
        elif statistic == "ci95_low" and last is not None and last.metric == m.metric and of not in means:
            faults.append(f"the interval {m.id!r} stands behind the mean {last.id!r}")
    return faults


def _overlaps(sentences: list[str], by_id: dict[str, Measurement]) -> list[str]:
    """Return a fault where two intervals are said to overlap and do not, or the other way round."""
    faults: list[str] = []
    for at, piece in enumerate(sentences):
        said = _OVERLAP.search(piece)
        if said is None:
            continue
        here = _intervals(piece, by_id)
        spans = here or (_intervals(sentences[at - 1], by_id) if at else [])
        if len(spans) == 1:
            spans += _named_interval(piece[said.end() :], spans[0][0], by_id)
        if len(spans) != 2:
            continue
        (_, a, b), (_, c, d) = spans
        if (a <= d and c <= b) == bool(said.group("no") or said.group("apart")):
            faults.append(
                f"the intervals {a:g} to {b:g} and {c:g} to {d:g} are said otherwise: {plain(said.group())!r}"
            )
    return faults


_Ends = tuple[Measurement, float, float]


def _intervals(piece: str, by_id: dict[str, Measurement]) -> list[_Ends]:
    bound = [m for m in _bound(piece, by_id) if m.derived and m.derived.statistic in _ENDS]
    lows = [m for m in bound if m.derived and m.derived.statistic == "ci95_low"]
    return [
        (low, low.value, high.value)
        for low in lows
        for high in bound
        if high.value >= low.value and _pairs(low, high)
    ]


def _pairs(low: Measurement, high: Measurement) -> bool:
    same = low.derived is not None and high.derived is not None and set(low.derived.of) == set(high.derived.of)
    return same and high.derived is not None and high.derived.statistic == "ci95_high"


def _named_interval(words: str, like: Measurement, by_id: dict[str, Measurement]) -> list[_Ends]:
    """Return the interval of the one group of the same metric that words name, as in `that of reading alone`."""
    said = set(tokens(plain(words)))
    named = [m for m in by_id.values() if m.metric == like.metric and m.group and set(tokens(m.group)) <= said]
    groups = {m.group for m in named}
    ends = [m for m in named if m.derived and m.derived.statistic in _ENDS]
    if len(groups) != 1 or groups == {like.group}:
        return []
    lows = [m for m in ends if m.derived and m.derived.statistic == "ci95_low"]
    return [(low, low.value, high.value) for low in lows for high in ends if _pairs(low, high)]
