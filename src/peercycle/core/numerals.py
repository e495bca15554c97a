"""Numbers as papers print them: reading one, finding them in text, and telling a right rounding."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Literal

from peercycle.core.remembering import remembered

_EXACT = Context(prec=60)
_MAX_DIGITS = 40
_MAX_EXPONENT = 400

_DIGITS = r"(?:\d{1,3}(?:(?:,|\{,\}|\\,|\\ )\d{3})+(?!\d)(?:\.\d+)?|\d+\{,\}\d+|\d+(?:\.\d+)?|\.\d+)"
_EXPONENT = (
    r"(?:[eE][+\-−]?\d{1,4}(?![\w.])"
    r"|(?:\s|\\[,;:! ]|~){0,3}(?:\\times|\\cdot|×|·)(?:\s|\\[,;:! ]|~){0,3}"
    r"10\s?\^\s?(?:\{\s{0,3}[+\-−]?\d{1,4}\s{0,3}\}|[\-−]?\d{1,4}))"
)
_PERCENT = r"(?:(?:\s|\\[,;:! ]|~|\$){0,3}\\%)"
NUMERAL = re.compile(rf"(?P<digits>{_DIGITS})(?P<exponent>{_EXPONENT})?(?P<percent>{_PERCENT})?")

_WRAPPER = re.compile(
    r"\\(?:mathbf|mathrm|mathit|mathsf|mathtt|boldsymbol|bm|textbf|textit|textrm|textsf|texttt|emph|underline|text"
    r"|num|ensuremath|bfseries|itshape|displaystyle|hphantom|phantom)(?![A-Za-z])"
)
_BLANK = re.compile(r"\\[,;:! ]|~|\s+|[\u00a0\u2009\u202f]")
RELATIONS: dict[str, Literal["<", ">", "="]] = {
    "<": "<", "\\lt": "<", "\\leq": "<", "\\le": "<", "≤": "<", "\\textless": "<",
    ">": ">", "\\gt": ">", "\\geq": ">", "\\ge": ">", "≥": ">", "\\textgreater": ">",
    "=": "=", "\\approx": "=", "≈": "=", "\\sim": "=", "∼": "=", "\\simeq": "=", "\\ca": "=",
}  # fmt: skip
_RELATION = re.compile(
    r"\\(?:leq|le|lt|geq|ge|gt|approx|simeq|sim|textless|textgreater)(?![A-Za-z])(?:\{\})?|[<>=≤≥≈∼]"
)
_NAMES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
_WORDS = _NAMES.split()


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number as shown: its value, and the power of ten of its last digit, percent signs applied."""

    value: Decimal
    last: int
    relation: Literal["<", ">", "="] = "="
    percent: bool = False
    signed: bool = False
    """A minus sign was shown."""

    @property
    def significant(self) -> int:
        """How many significant digits are shown."""
        return max(1, self.value.adjusted() - self.last + 1) if self.value else 1

    @property
    def integral(self) -> bool:
        """Whether it is shown without decimals and without a percent sign."""
        return self.last >= 0 and not self.percent

    def rounds(self, value: float) -> bool:
        """Tell whether this is `value`, rounded half either way at the last digit shown.

        A few units in the last place of the float are allowed for: 2.675 is stored just below the half.
        """
        if not math.isfinite(value) or (self.signed and value > 0):
            return False
        exact = Decimal(value)
        half = Decimal(5).scaleb(self.last - 1, _EXACT)
        slop = Decimal(math.ulp(value) * 4)
        return abs(_EXACT.subtract(exact, self.value)) <= _EXACT.add(half, slop)

    def bounds(self, value: float) -> bool:
        """Tell whether a shown bound on a probability, such as `< 0.001`, holds."""
        if not (0 <= self.value <= 1 and 0 <= value <= 1) or self.relation == "=":
            return False
        over = _EXACT.subtract(Decimal(value), self.value)
        slop = Decimal(math.ulp(value) * 4)
        return over <= slop if self.relation == "<" else over >= -slop

    def scaled(self, power: int) -> Numeral:
        """Return this number times ten to `power`."""
        return Numeral(
            self.value.scaleb(power, _EXACT), self.last + power, self.relation, self.percent, signed=self.signed
        )


def from_match(found: re.Match[str], *, negative: bool = False) -> Numeral | None:
    """Read what `NUMERAL` matched; None where it has more digits or a larger exponent than any measurement."""
    digits = _plain_digits(found.group("digits"))
    if len(digits) > _MAX_DIGITS:
        return None
    exponent = 0
    if shown := found.group("exponent"):
        power = shown.rpartition("^")[2] if "^" in shown else shown[1:]
        exponent = int(re.sub(r"[{}\s]", "", power).replace("−", "-"))
        if abs(exponent) > _MAX_EXPONENT:
            return None
    percent = found.group("percent") is not None
    value = Decimal(digits)
    decimals = len(digits.partition(".")[2])
    if negative:
        value = -value
    number = Numeral(value, -decimals, percent=percent, signed=negative)
    return number.scaled(exponent - 2 * percent)


def _plain_digits(shown: str) -> str:
    grouped = re.fullmatch(r"[1-9]\d{0,2}(?:(?:,|\{,\}|\\,|\\ )\d{3})+(?:\.\d+)?", shown)
    if grouped is None and "{,}" in shown:
        return shown.replace("{,}", ".")  # a decimal comma, as mathematics sets it
    plain = re.sub(r"\{,\}|,|\\,|\\ ", "", shown)
    return f"0{plain}" if plain.startswith(".") else plain


@remembered
def read_numeral(shown: str) -> Numeral | None:
    """Read one printed number, LaTeX dressing included; None where it is none, or more than one."""
    if len(shown) > 400:
        return None
    text = shown.replace("\\$", " ").replace("$", " ").replace("\\(", " ").replace("\\)", " ")
    text = _WRAPPER.sub(" ", text)
    text = re.sub(r"(?<!\\)%", r"\\%", text)
    text = re.sub(r"(?<=\d)(?:\\,|~|[\u00a0\u2009\u202f ])(?=\d{3}(?!\d))", "{,}", text)
    if (word := text.strip(" {}~").lower()) in _WORDS:
        return Numeral(Decimal(_WORDS.index(word)), 0)
    found = NUMERAL.search(text)
    if found is None or NUMERAL.search(text, found.end()):
        return None
    relation, sign = _before(text[: found.start()])
    if relation is None or not _only_a_unit(text[found.end() :]):
        return None
    number = from_match(found, negative=sign)
    if number is None:
        return None
    return Numeral(number.value, number.last, relation, number.percent, signed=number.signed)


def _before(text: str) -> tuple[Literal["<", ">", "="] | None, bool]:
    """Read what stands before the digits: a relation and a sign, nothing else."""
    relation: Literal["<", ">", "="] = "="
    if found := _RELATION.search(text):
        relation = RELATIONS[found.group().removesuffix("{}")]
        text = text[: found.start()] + text[found.end() :]
    rest = _BLANK.sub("", text).strip("{}").replace("−", "-").replace("\\textminus", "-").replace("--", "-")
    return (relation, rest == "-") if rest in {"", "-", "+"} else (None, False)


def _only_a_unit(text: str) -> bool:
    rest = _BLANK.sub(" ", text).strip(" {}.")
    return len(rest) <= 40 and not any(c.isdigit() for c in rest) and "\\pm" not in rest and "±" not in rest


def is_right_rounding(shown: str, value: float, unit: str | None = None) -> bool:
    """Tell whether `shown` is `value` rounded at the digits it shows, or a true bound on a probability.

    A percent sign divides by 100, unless the value's own unit is a percentage. Anything that is not one number
    is no right rounding.
    """
    number = read_numeral(shown)
    return number is not None and agrees_with(number, value, unit)


def agrees_with(number: Numeral, value: float, unit: str | None = None) -> bool:
    """Tell the same of a number that has been read."""
    if number.percent and is_percentage(unit):
        number = number.scaled(2)
    return number.bounds(value) if number.relation != "=" else number.rounds(value)


def is_percentage(unit: str | None) -> bool:
    """Tell whether a measurement's unit counts hundredths."""
    return unit is not None and unit.strip().lower().lstrip("\\") in {
        "%", "percent", "per cent", "pct", "percentage points", "pp", "points",
    }  # fmt: skip


_SIGN_BEFORE = re.compile(r"(?:^|[\s${(\[|&=<>,~+*/≤≥≈])(?:[-−]|--|\\textminus\s?)$")


@dataclass(frozen=True, slots=True)
class Printed:
    """A number found in a text."""

    shown: str
    start: int
    end: int
    number: Numeral


@remembered
def printed_numbers(text: str) -> tuple[Printed, ...]:
    """Return every number in a text in order, with its sign, exponent and percent sign."""
    printed: list[Printed] = []
    for found in NUMERAL.finditer(text):
        start = found.start()
        sign = _SIGN_BEFORE.search(text[max(0, start - 12) : start])
        number = from_match(found, negative=sign is not None)
        if number is not None:
            first = start - 1 if sign else start
            printed.append(Printed(f"-{found.group()}" if sign else found.group(), first, found.end(), number))
    return tuple(printed)
