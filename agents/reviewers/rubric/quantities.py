"""Numbers of prose with what stands around them: values, intervals, p-values, counts of repetitions."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from peercycle.agents.reviewers.rubric.paper import Paper
from peercycle.agents.reviewers.rubric.prose import tokens
from peercycle.core.numerals import Numeral, Printed, printed_numbers, read_numeral
from peercycle.core.remembering import remembered
from peercycle.core.result_numbers import result_numbers

_PLAIN = r"[-−]?(?:\d+(?:\.\d+)?|\.\d+)"
INTERVAL = re.compile(
    rf"(?P<low>{_PLAIN})\s?(?:\\%)?\s?(?:,|;|–|—|-| to | and )\s?(?P<high>{_PLAIN})(?!\s?(?:,|;)\s?[\d.-])"
)
_CI_WORD = re.compile(r"\bCIs?\b|\bintervals?\b|\bIQR\b|\bHDI\b|\bcredible\b|\binterquartile\b", re.IGNORECASE)
_LEADS_TO_ENDS = re.compile(r"[^.;)]*(?:\)\s?(?:was|were|is|of|from|:|=)?[^.;)a-z]*)?")
"""What may stand between the word `interval` and its ends: nothing that closes the sentence, or says another thing."""
_BRACKETED = re.compile(rf"\[\s?{_PLAIN}\s?(?:\\%)?\s?(?:,|;|–|—| to )\s?{_PLAIN}\s?(?:\\%)?\s?\]")
PLUS_MINUS = re.compile(rf"±\s?{_PLAIN}")
_SD = re.compile(
    rf"\b(?:SDs?|SE|SEM|s\.d\.|s\.e\.|standard (?:deviations?|errors?))\s?(?:of\s|was\s|were\s|is\s|"
    rf"[=:,]?\s?){_PLAIN}",
    re.IGNORECASE,
)
_POWER = r"(?:\s?[×·]\s?10\s?\^\s?[-−]?\d{1,4}|e[-−]?\d{1,4})"
P_VALUE = re.compile(
    r"(?<![A-Za-z])p(?:-?\s?values?)?\s?(?:of|was|is|were)?\s?(?P<relation>[=<>≤≥≈]|of|was|is)?\s?"
    rf"(?P<value>\d*\.\d+(?:{_POWER})?|\d+{_POWER}|10\s?\^\s?[-−]?\d{{1,4}})",
    re.IGNORECASE,
)
_COUNT_WORDS = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|"
    "nineteen|twenty|thirty|forty|fifty|sixty|hundred"
)
_UNITS = (
    "seeds?|runs?|repetitions?|repeats?|replicates?|replications?|trials?|folds?|resamples?|permutations?|"
    "initiali[sz]ations?|"
    "participants?|patients?|subjects?|volunteers?|students?|children|adults|respondents?|households?|"
    "individuals?|animals?|"
    "mice|rats|plots?|fields?|sites?|samples?|specimens?|plants?|observations?|images?|documents?|papers?|abstracts?|"
    "sentences?|questions?|items?|stars|galaxies|cells|genes|villages?|schools?|hospitals?|countries|cities|"
    "stations?|"
    "interviews?|recordings?|bootstraps?|splits?|draws?|iterations?|simulations?|queries|games?|farms?|firms?|"
    "cases?|people"
)
COUNT = re.compile(
    rf"\b(?<!\.)(?<!\d,)(?P<n>\d{{1,3}}(?:,\d{{3}})+|\d{{1,7}}|{_COUNT_WORDS})[\s-]"
    rf"(?:(?!(?:over|in|of|at|from|with|for|and|to|by|on|{_COUNT_WORDS})\b)[a-z-]+\s){{0,2}}?(?P<unit>{_UNITS})\b|"
    r"\b(?<!\.)(?<!\d,)(?P<many>\d{1,3}(?:,\d{3})+|\d{2,7})\s(?!(?:[a-z-]+\s)?(?:years?|months?|weeks?|days?|"
    r"hours?|minutes?|seconds?|times|percents?|points|metres|meters|kilomet\w+|degrees|grams|litres|tonnes|levels|words|bytes|of)\b)(?:[a-z-]+\s)?"
    r"(?P<things>[a-z][a-z-]{3,}s)\b|"
    r"(?<![A-Za-z])[nN]\s?=\s?(?P<bare>\d{1,3}(?:,\d{3})+|\d{1,7})",
    re.IGNORECASE,
)
REPEATS = re.compile(r"seed|run|repetition|repeat|replic|fold|initiali", re.IGNORECASE)
_NUMBER_WORDS = dict(zip("thirty forty fifty sixty hundred".split(), (30, 40, 50, 60, 100), strict=True))


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval or spread in prose, and where it begins."""

    start: int
    low: float | None
    high: float | None


def intervals(text: str) -> tuple[Interval, ...]:
    """Return the intervals, standard deviations and ± terms of prose."""
    found = [Interval(m.start(), None, _number(m.group())) for m in PLUS_MINUS.finditer(text)]
    found += [Interval(m.start(), None, _number(m.group())) for m in _SD.finditer(text)]
    seen: set[int] = set()
    for m in _BRACKETED.finditer(text):
        ends = INTERVAL.search(m.group())
        if ends:
            found.append(_ends(ends, m.start()))
            seen.add(m.start() + ends.start("low"))
    for word in _CI_WORD.finditer(text):
        ends = INTERVAL.search(text, word.end(), word.end() + 60)
        if ends and ends.start("low") not in seen and _LEADS_TO_ENDS.fullmatch(text[word.end() : ends.start()]):
            seen.add(ends.start("low"))
            found.append(_ends(ends, word.start()))
    return tuple(sorted(found, key=lambda i: i.start))


def _ends(found: re.Match[str], start: int) -> Interval:
    return Interval(start, _number(found.group("low")), _number(found.group("high")))


def _number(text: str) -> float | None:
    found = re.search(_PLAIN, text.replace("−", "-"))
    return float(found.group()) if found else None


@remembered
def estimates(text: str) -> tuple[Printed, ...]:
    """Return the numbers of prose that claim a result and are no interval's end, spread or p-value."""
    taken = [(m.start(), m.end()) for m in P_VALUE.finditer(text)]
    taken += [(m.start(), m.end()) for m in PLUS_MINUS.finditer(text)] + [
        (m.start(), m.end()) for m in _SD.finditer(text)
    ]
    taken += [(m.start(), m.end()) for m in _BRACKETED.finditer(text)]
    for word in _CI_WORD.finditer(text):
        if ends := INTERVAL.search(text, word.end(), word.end() + 60):
            taken.append((ends.start(), ends.end()))
    numbers = [n for n in result_numbers(text, []) if not n.number.integral]
    return tuple(n for n in numbers if not any(a <= n.start < b for a, b in taken))


@remembered
def counts(text: str) -> tuple[tuple[int, str], ...]:
    """Return the numbers of things that a text says were sampled or repeated, with the things' name."""
    found = []
    for m in COUNT.finditer(text):
        shown = m.group("n") or m.group("many") or m.group("bare")
        found.append((count_value(shown), (m.group("unit") or m.group("things") or "n").lower().rstrip("s")))
    return tuple(found)


def count_value(shown: str) -> int:
    """Return a count written in digits or in words."""
    word = shown.lower()
    if word in _NUMBER_WORDS:
        return _NUMBER_WORDS[word]
    number = read_numeral(word)
    return int(number.value) if number else 0


def value_of(shown: str) -> float:
    """Return the number that a piece of prose shows, its power of ten included; 0 for none."""
    number = read_numeral(shown.replace("−", "-"))
    return float(number.value) if number else 0.0


def probability(p: re.Match[str]) -> Decimal:
    """Return the p-value that `P_VALUE` found, with the digits that are shown: `1.2 × 10^-8` is 1.2e-8."""
    mantissa, _, power = re.sub(r"\s?[×·]?\s?10\s?\^\s?", "e", p["value"].replace("−", "-")).lower().partition("e")
    return Decimal(f"{mantissa or '1'}e{power or '0'}")


class Pool:
    """Numbers that a paper shows somewhere, for looking up whether another number rounds one of them."""

    def __init__(self, values: Iterable[Decimal]) -> None:
        self.values = sorted(set(values))

    def holds(self, number: Numeral) -> bool:
        """Tell whether some value, as it stands or as a percentage, rounds to the number shown."""
        return any(bisect_left(self.values, low) < bisect_right(self.values, high) for low, high in _rounded(number))


def _rounded(number: Numeral) -> Iterator[tuple[Decimal, Decimal]]:
    """Yield the ranges of the values that round to a number, as it stands or as a percentage, of either sign."""
    for scaled in (number.scaled(power) for power in ((0, 2) if number.percent else (0, -2))):
        half = Decimal(0) if scaled.integral else Decimal(5).scaleb(scaled.last - 1)
        sides = (scaled.value,) if scaled.signed else (scaled.value, -scaled.value)
        yield from ((side - half, side + half) for side in sides)


@remembered
def all_values(text: str) -> tuple[Decimal, ...]:
    """Return every number of a text, those written as words included."""
    words = re.findall(rf"\b(?:one|{_COUNT_WORDS})\b", text, re.IGNORECASE)
    return (*(n.number.value for n in printed_numbers(text)), *(Decimal(count_value(w)) for w in words))


def pool_of(paper: Paper, *, without: frozenset[str]) -> Pool:
    """Return the numbers of all parts but those with the given roles, of tables and of captions."""
    values = [v for part in paper.parts if part.role not in without | {"references"} for v in all_values(part.prose)]
    values += [n.number.value for table in paper.tables for row in table.rows for c in row for n in c.numbers]
    values += [v for f in paper.floats for v in all_values(f.caption)]
    return Pool(values)


def masked(line: str) -> str:
    """Return a sentence without its digits: what two versions of one statement share."""
    return " ".join(re.sub(r"\d", "0", word) for word in tokens(line))
