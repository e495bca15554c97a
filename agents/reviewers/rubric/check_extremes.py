"""The check of what is called the highest, the fastest or so many times another, against tables and measurements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from peercycle.agents.reviewers.rubric.check_tables import LOWER_IS_BETTER, Arms, arms_of, mentions
from peercycle.agents.reviewers.rubric.findings import Fault, Finding, nothing_there
from peercycle.agents.reviewers.rubric.inspection import Inspection
from peercycle.agents.reviewers.rubric.prose import CITE
from peercycle.agents.reviewers.rubric.series import Series, series_of, word_stems
from peercycle.agents.reviewers.rubric.tables import Cell, Table
from peercycle.core.numerals import printed_numbers

_MOST = "highest largest greatest most longest warmest hottest heaviest oldest slowest".split()
_LEAST = "lowest smallest fewest least shortest coolest coldest lightest youngest fastest".split()
_EXTREME = re.compile(
    rf"\b(?:(?P<up>{'|'.join(_MOST)}|above (?:both|all|the (?:others?|rest)))|"
    rf"(?P<down>{'|'.join(_LEAST)}|below (?:both|all|the (?:others?|rest)))|(?P<good>best)|(?P<bad>worst))\b"
    r"(?P<after>[^.,;:()]{0,40})",
    re.IGNORECASE,
)
_IMPLIED = {"warmest": "temperature", "hottest": "temperature", "coolest": "temperature", "coldest": "temperature",
            "fastest": "time latency runtime duration", "slowest": "time latency runtime duration",
            "heaviest": "weight mass", "lightest": "weight mass", "oldest": "age", "youngest": "age"}  # fmt: skip
_RESTRICTED = re.compile(
    r"\b(?:among|except|after|second|third|next|not|nor|never|one of|of the (?:two|three|four)|whether|if|would|could|may|might|on|at|for|"
    r"under|where|when)\b|n['’]t\b",
    re.IGNORECASE,
)
"""A claim of a part of the things, or none at all: the whole column says nothing about it."""
_CLAUSES = re.compile(r";|, of which|, (?:and|but|while|whereas)\b|\bbut\b|\bwhereas\b")
_WORDS: tuple[str, ...] = tuple("two three four five six seven eight nine ten".split())
_PARTS = {"half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
          "ninth": 9, "tenth": 10}  # fmt: skip
_RATIO = re.compile(
    rf"\b(?:(?P<times>{'|'.join(_WORDS)}|\d+(?:\.\d+)?) times (?:the|as many|as much)|(?:an?|one) (?P<part>{'|'.join(_PARTS)}) of the|"
    r"(?P<half>half) (?:of )?the)\s(?P<what>\w+)",
    re.IGNORECASE,
)
_TREND = re.compile(
    r"\b(?P<word>\w+) (?:at|with|under|for) (?P<side>higher|larger|greater|more|lower|smaller|less) (?P<of>\w+)", re.I
)
_RISING = {
    "higher": 1,
    "larger": 1,
    "greater": 1,
    "longer": 1,
    "lower": -1,
    "smaller": -1,
    "shorter": -1,
    "fewer": -1,
}
_OF_CONTEXT = {"lighter": ("lightness", 1), "paler": ("lightness", 1), "brighter": ("brightness", 1),
               "darker": ("lightness", -1), "warmer": ("temperature", 1), "hotter": ("temperature", 1),
               "cooler": ("temperature", -1), "colder": ("temperature", -1)}  # fmt: skip


def extremes_hold(i: Inspection) -> Finding:
    """The arm that is called the highest is; ratios in words and trends over levels are those of the numbers."""
    name = "extremes-are-those-of-the-numbers"
    series, arms = series_of(i), arms_of(i)
    checked = 0
    faults: list[Fault] = []
    for part in i.paper.parts:
        for line in part.sentences if part.role not in {"related", "references", "aside"} else ():
            if CITE in line and part.role == "introduction":
                continue
            for said, right in (
                *_extremes(line, series, arms),
                *_named_behind(line, series, arms),
                *_ratios(line, series),
                *_trends(line, i.paper.tables),
            ):
                checked += 1
                if not right:
                    faults.append(Fault(f"the numbers do not say {said!r}: {line[:160]!r}", part.heading))
    if not checked:
        return nothing_there(name, "nothing is called the most or the least, or so many times another", absent=1.0)
    evidence = f"{checked - len(faults)} of {checked} extremes, ratios in words and trends are those of the numbers"
    return Finding(name, evidence, tuple(faults))


def _extremes(line: str, series: tuple[Series, ...], arms: Arms) -> Iterator[tuple[str, bool]]:
    extremes = list(_EXTREME.finditer(line))
    cuts = [0, *(m.end() for m in _CLAUSES.finditer(line))] if extremes else []
    for m in extremes:
        start = max(cut for cut in cuts if cut <= m.start())
        named = {arm for _, _, arm in mentions(line[start : m.start()], arms)}
        if len(named) != 1 or _RESTRICTED.search(line[start : m.end()]):
            continue
        (arm,) = named
        for s in series:
            if arm in s.values and _speaks_of(s, m, line):
                high = _is_high(m, s)
                yield m.group().strip(), s.values[arm] == (max if high else min)(s.values.values())
                break


_BEHIND = re.compile(
    rf"\bthe (?:(?P<up>{'|'.join(_MOST)})|(?P<down>{'|'.join(_LEAST)})) (?P<what>\w+) (?:is|was|remains)\s(?P<whose>.{{3,120}})",
    re.IGNORECASE,
)


def _named_behind(line: str, series: tuple[Series, ...], arms: Arms) -> Iterator[tuple[str, bool]]:
    """Compare `the largest cluster is A` with the numbers of A: of what is named, or of size."""
    for m in _BEHIND.finditer(line):
        named = mentions(m.group("whose"), arms)
        if not named or _RESTRICTED.search(line[: m.start()]):
            continue
        arm = named[0][2]
        of = word_stems(f"{m.group('what')} size")
        for s in (s for s in series if arm in s.values and of & s.name):
            yield m.group()[:80], s.values[arm] == (max if m.group("up") else min)(s.values.values())
            break


def _is_high(m: re.Match[str], s: Series) -> bool:
    if m.group("up") or m.group("down"):
        return m.group("up") is not None
    return (m.group("good") is not None) != (LOWER_IS_BETTER.search(s.context) is not None)


def _speaks_of(s: Series, m: re.Match[str], line: str) -> bool:
    """Tell whether the words behind a superlative name a series, or the number behind it is one of the series'."""
    implied = _IMPLIED.get(m.group().split()[0].lower())
    if implied is not None:
        return bool(word_stems(implied) & s.name)
    if word_stems(m.group("after")) & s.name:
        return True
    number = next((n for n in printed_numbers(line[m.end() :]) if n.start < 25), None)
    return number is not None and not number.number.integral and s.shows(number.number)


def _ratios(line: str, series: tuple[Series, ...]) -> Iterator[tuple[str, bool]]:
    for m in _RATIO.finditer(line):
        wanted = _ratio_of(m)
        if wanted == 0:
            continue
        named = [s for s in series if word_stems(m.group("what")) & s.name]
        before = [n.number for n in printed_numbers(line[: m.start()]) if m.start() - n.end < 30]
        shown = [s for s in series if before and s.shows(before[-1])]
        if named:
            pairs = [(a, b) for s in named for a in s.values.values() for b in s.values.values()]
        elif shown:
            x = float(before[-1].value)
            pairs = [(x, b) for s in shown for b in s.values.values()]
        else:
            continue
        found = [a / b for a, b in pairs if b and a != b]
        if found:
            yield m.group(), any(_is_about(ratio, wanted) for ratio in found)


def _ratio_of(m: re.Match[str]) -> float:
    if times := m.group("times"):
        return float(_WORDS.index(times.lower()) + 2) if times.isalpha() else float(times)
    return 1 / _PARTS[(m.group("part") or "half").lower()]


def _is_about(ratio: float, wanted: float) -> bool:
    return abs(ratio - wanted) <= 0.2 * wanted


def _trends(line: str, tables: tuple[Table, ...]) -> Iterator[tuple[str, bool]]:
    """Compare `lighter at higher humidity` with tables whose rows are levels of humidity."""
    for m in _TREND.finditer(line):
        for table in tables:
            head = table.rows[0][0].text if table.headings else ""
            levels = [row for row in table.data if len(row) > 1 and row[0].value is not None]
            word = m.group("word").lower()
            of_context, sign = _OF_CONTEXT.get(word, ("", _RISING.get(word, 0)))
            if not (sign and word_stems(m.group("of")) & word_stems(head)) or of_context not in table.context:
                continue
            up = 1 if m.group("side").lower() in {"higher", "larger", "greater", "more"} else -1
            slopes = {_slope(levels, c) for c in range(1, min((len(r) for r in levels), default=1))}
            if len(slopes) == 1 and 0 not in slopes:
                yield m.group(), slopes == {sign * up}


def _slope(levels: list[tuple[Cell, ...]], column: int) -> int:
    pairs = sorted(
        (x, y) for row in levels if (x := row[0].value) is not None and (y := row[column].value) is not None
    )
    values = [v for _, v in pairs]
    if len(values) > 1 and all(a < b for a, b in pairwise(values)):
        return 1
    return -1 if len(values) > 1 and all(a > b for a, b in pairwise(values)) else 0
