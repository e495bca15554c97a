"""The check that two numbers which a sentence compares stand as it says: more, fewer, a saving, a difference."""

from __future__ import annotations

import re
from collections.abc import Iterator

from peercycle.agents.reviewers.rubric.check_consistency import LESS
from peercycle.agents.reviewers.rubric.check_tables import Arms, arms_of, mentions
from peercycle.agents.reviewers.rubric.findings import Fault, Finding, nothing_there
from peercycle.agents.reviewers.rubric.inspection import Inspection
from peercycle.agents.reviewers.rubric.quantities import estimates, value_of
from peercycle.agents.reviewers.rubric.series import Series, series_of, word_stems
from peercycle.core.numerals import read_numeral

_N = r"[-−]?(?<![\w.^,])\d{1,15}(?:,\d{3}){0,5}(?:\.\d{1,15})?(?![.,]?\d)"
"""A whole number: one that is cut short is another, and a list of them is no number; of bounded length, to be fast."""
_NO_UNIT = frozenset({"for", "with", "under", "in", "at", "on"})
_ELSEWHERE = re.compile(r"\b(?:in|Tables?|Figures?|Sections?)(?: the)?\s?$")
"""Before the second number: it says when or where to look, and is not compared."""
_WORDS = "more fewer less higher lower greater smaller larger longer shorter later earlier warmer cooler hotter colder".split()
_THAN = re.compile(
    rf"(?P<a>{_N})\s?(?P<unit>\\%|[A-Za-z°/³]{{1,20}})?[^.;()\d]{{0,40}}?, (?P<word>{'|'.join(_WORDS)}) than (?P<gap>[^.;()\d]{{0,60}}?)"
    rf"(?P<b>{_N})(?!\s?(?:times|fold|of\b))\s?(?P<other>\\%|[A-Za-z°/³]+)?"
)
_PAIR = re.compile(rf"\(\s?(?P<a>{_N})[^()\d]{{0,12}}(?:vs\.?|versus|against)\s(?P<b>{_N})[^()\d]{{0,12}}\)")
_SAVED = re.compile(
    rf"(?P<a>{_N})\s?[A-Za-z°/³]*\s(?:vs\.?|versus|against)\s(?P<b>{_N})\s?[A-Za-z°/³]*\)?,? (?:which is )?an? (?:\w+ )?"
    r"(?:saving|reduction|decrease|drop|cut|increase|rise|growth) of (?:about )?(?P<share>\d+(?:\.\d+)?)\s?\\%"
)
_DIFFERENCE = re.compile(rf"\bdifference (?:was|of|is) (?P<d>{_N})")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_SMALL: tuple[str, ...] = tuple("one two three four five six seven eight nine".split())
_PLACES = {"tenth": 0.1, "hundredth": 0.01, "thousandth": 0.001}
_IN_WORDS = re.compile(
    rf"\b(?P<n>{'|'.join(_SMALL)}) (?P<place>{'|'.join(_PLACES)})s? of (?:an? |the )?(?P<what>\w+)", re.I
)


def comparisons_hold(i: Inspection) -> Finding:
    """What is said of two numbers is so: which is more, what is saved, by how much they differ, whose they are."""
    name = "numbers-compare-as-said"
    arms, series = arms_of(i), series_of(i)
    checked = 0
    faults: list[Fault] = []
    for part in i.paper.parts:
        for before, line in zip(("", *part.sentences), part.sentences, strict=False):
            if part.role in {"related", "references", "aside"}:
                continue
            found = (
                *_between_two(line),
                *_pairs(line, arms),
                *_differs(line, before),
                *_in_words(line, series),
            )
            checked += len(found)
            faults += [
                Fault(f"the numbers do not say so: {said!r}", part.heading) for said, right in found if not right
            ]
    if not checked:
        return nothing_there(name, "no sentence compares two numbers in words", absent=1.0)
    return Finding(name, f"{checked - len(faults)} of {checked} comparisons of two numbers hold", tuple(faults))


def _between_two(line: str) -> tuple[tuple[str, bool], ...]:
    return (*_than(line), *_saved(line))


def _than(line: str) -> Iterator[tuple[str, bool]]:
    for m in _THAN.finditer(line):
        a, b = value_of(m.group("a")), value_of(m.group("b"))
        unit, other = (None if u in _NO_UNIT else u for u in m.group("unit", "other"))
        if a != b and unit == other and not _ELSEWHERE.search(m.group("gap")):
            yield m.group(), (a < b) == (m.group("word").lower() in LESS)


def _saved(line: str) -> Iterator[tuple[str, bool]]:
    for m in _SAVED.finditer(line):
        a, b, share = value_of(m.group("a")), value_of(m.group("b")), read_numeral(m.group("share"))
        if share is not None and a and b:
            yield m.group(), any(share.rounds(100 * abs(a - b) / whole) for whole in (a, b))


def _pairs(line: str, arms: Arms) -> Iterator[tuple[str, bool]]:
    """Compare `A was cooler than B (31.8 vs 33.5)` with the rows of A and B."""
    for m in _PAIR.finditer(line):
        named = [arm for _, end, arm in mentions(line[: m.start()], arms) if m.start() - end < 80]
        numbers = [read_numeral(m.group(side)) for side in "ab"]
        if len(named) != 2 or named[0] == named[1] or None in numbers:
            continue
        a, b = (arms.values[arm] for arm in named)
        x, y = (n.value for n in numbers if n is not None)
        if {x, y} <= a | b | {v for values in arms.values.values() for v in values}:
            yield m.group(), x in a and y in b


def _differs(line: str, before: str) -> Iterator[tuple[str, bool]]:
    """Recompute `27.6 against 17.8, a difference of 9.8` from the two estimates before it, brackets left out."""
    text = _BRACKETS.sub(" ", line)
    m = _DIFFERENCE.search(text)
    stated = read_numeral(m.group("d")) if m else None
    if m is None or stated is None:
        return
    behind = estimates(text[: m.start()])
    numbers = behind if behind or m.start() > 20 else estimates(_BRACKETS.sub(" ", before))
    if len(numbers) == 2 and all(n.number.percent == stated.percent for n in numbers):
        a, b = (float(n.number.value) for n in numbers)
        slack = 10.0 ** min(n.number.last for n in numbers)
        yield m.group(), abs(abs(a - b) - abs(float(stated.value))) <= slack * 1.01


def _in_words(line: str, series: tuple[Series, ...]) -> Iterator[tuple[str, bool]]:
    """Compare `two hundredths of F1` with the differences between arms."""
    for m in _IN_WORDS.finditer(line):
        said = (_SMALL.index(m.group("n").lower()) + 1) * _PLACES[m.group("place").lower()]
        named = [s for s in series if word_stems(m.group("what")) & s.name]
        gaps = [abs(a - b) for s in named for a in s.values.values() for b in s.values.values() if a != b]
        if gaps:
            yield m.group(), any(abs(gap - said) <= 0.6 * _PLACES[m.group("place").lower()] for gap in gaps)
