"""Units as authors write them: m³/m³ and m3/m3, words/min and words per minute."""

from __future__ import annotations

import re

from peercycle.agents.reviewers.rubric.prose import plain

_LONG = {"ms": "milliseconds?", "s": "seconds?|sec", "min": "minutes?", "h": "hours?|hr", "d": "days?", "us": "microseconds?",
         "kg": "kilograms?", "g": "grams?", "mg": "milligrams?", "km": "kilomet(?:er|re)s?", "m": "met(?:er|re)s?",
         "cm": "centimet(?:er|re)s?", "mm": "millimet(?:er|re)s?", "l": "lit(?:er|re)s?", "j": "joules?",
         "w": "watts?", "c": "degrees(?: celsius)?", "y": "years?", "million": "millions|m"}  # fmt: skip
_SCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")


def flat(text: str) -> str:
    """Return text with raised digits on the line, so that m³, m$^3$ and m3 are one spelling."""
    return re.sub(r"\^\s?(?=-?\d)", "", text.translate(_SCRIPTS))


def unit_pattern(unit: str) -> str:
    """Return a pattern for the spellings of a unit, to be searched in text that `flat` returned."""
    over, slash, under = flat(plain(unit)).strip().partition("/")
    if not slash:
        return _one(over)
    per = rf"(?:\s?/\s?|\sper\s|\san?\s)(?:{_one(under)})"
    return per if over.strip() == "1" else f"(?:{_one(over)}){per}"


def _one(word: str) -> str:
    name = word.strip()
    stem = name[:-1] if len(name) > 3 and name.endswith("s") else name
    plural = "s?" if len(stem) > 2 and stem[-1:].isalpha() else ""
    more = [long for short, long in _LONG.items() if name.lower() in {short, long.replace("s?", "")}]
    backed = [short for short, long in _LONG.items() if re.fullmatch(long, name.lower())]
    return "|".join([re.escape(stem) + plural, *more, *map(re.escape, backed)])
