"""Dollar signs in plain text: mathematics or money."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_SPAN = re.compile(r"(\$\$?)((?:[^$\\]|\\.)++)\1(?!\d)", re.DOTALL)
_PRICE = re.compile(r"\d[\d.,]*\s*(?:[kKmMbB]n?\b|trillion\b|[-–—/:;?!])?(?:[^\\]*?[\s~(–—/-])?[A-Za-z]{2,}")
_TEXT = re.compile(r"\\[A-Za-z]+\s*\{[^{}]*\}")
PROSE = re.compile(r"(?:\b[a-z]{2,}\b[ \n.,;]+){3}")
"""Three words in a row: a dollar sign before them is money, not mathematics."""


class Formula(NamedTuple):
    """Mathematics in a text, from its first dollar sign to behind its last one."""

    start: int
    end: int
    inside: str


def is_price(inside: str) -> bool:
    """Say whether what stands behind a dollar sign is an amount and prose: `100 for coffee`, not `2^n` or `3 x`."""
    return _PRICE.match(_TEXT.sub("", inside[:200])) is not None


def formulas(text: str) -> Iterator[Formula]:
    """Yield the formulas of a text, in one pass.

    A dollar sign opens one where no blank follows it, a second one closes it before which no blank stands and behind
    which no digit follows, and what is between is no amount with words behind it. Any other dollar sign is money.
    """
    place = text.find("$")
    while place >= 0:
        found = _SPAN.match(text, place)
        if found is not None and found[2] == found[2].strip() and not is_price(found[2]):
            yield Formula(place, found.end(), found[2])
            place = found.end() - 1
        place = text.find("$", place + 1)
