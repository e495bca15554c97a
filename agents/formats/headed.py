"""Text under headings that are known by name, at any depth, as the published reviewers write it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

MOST_HEADINGS = 5000
"""Headings that are looked at; what follows belongs to the last."""

NAMES: dict[str, str] = {
    "summary": "summary",
    "soundness": "soundness",
    "presentation": "presentation",
    "contribution": "contribution",
    "contributions": "contribution",
    "strength": "strengths",
    "strengths": "strengths",
    "weakness": "weaknesses",
    "weaknesses": "weaknesses",
    "suggestion": "suggestions",
    "suggestions": "suggestions",
    "question": "questions",
    "questions": "questions",
    "flag for ethics review": "ethics",
    "ethics flag": "ethics",
    "rating": "rating",
    "overall rating": "rating",
    "overall score": "rating",
    "confidence": "confidence",
    "code of conduct": "conduct",
    "meta review": "meta",
    "metareview": "meta",
    "paper decision": "decision",
    "final decision": "decision",
    "decision": "decision",
    "reviewer": "reviewer",
    "review": "reviewer",
}
"""What headings are called, in lower case, and the part of a review that they begin."""
_PARTS = {name.replace(" ", ""): part for name, part in NAMES.items()}


def _pattern() -> str:
    longest_first = sorted(NAMES, key=len, reverse=True)
    names = "|".join(name.replace(" ", "[ _-]?") for name in longest_first)
    return rf"(?P<{{0}}>{names})"


_NUMBER = r"(?:[ \t_#]*+(?P<number{0}>[0-9]{{1,3}}))?"
_TAIL = r"[ \t]*+[*_]{0,2}+[ \t]*+(?::[ \t]*+[*_]{0,2}+(?P<INLINE>[^\n]*+))?+$"


def _form(index: int, mark: str) -> str:
    return (
        mark
        + _pattern().replace("{0}", f"name{index}")
        + _NUMBER.format(index)
        + _TAIL.replace("INLINE", f"inline{index}")
    )


_HASHED = r"(?P<hashes>#(?<!##)#{0,5}+)[ \t]*+[*_]{0,2}+[ \t]*+"
# Not anchored to a line's beginning, which is looked at afterwards: a search for `#` or `*` is ten times as fast.
_HEADING = re.compile(rf"{_form(1, _HASHED)}|{_form(2, r'[*](?<![*][*])[*]')}", re.IGNORECASE | re.MULTILINE)
_BARE = re.compile(rf"^{_form(1, '')}", re.IGNORECASE | re.MULTILINE)
MOST_BARE = 200_000
"""Characters of a text that is searched for headings without a mark."""
_BETWEEN = re.compile(r"^[ \t]*+[*]{5,}+[ \t]*+$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading, and the text from it to the next one or to a line of asterisks."""

    part: str
    """What it begins: a value of `NAMES`."""
    number: int | None
    level: int
    """How many hashes it has; 0 for a bold or bare one."""
    start: int
    body: str
    ends_review: bool
    """A line of asterisks ends its text."""


def headings(text: str) -> Iterator[Heading]:
    """Yield the headings of a text that are known by name, in order.

    Where none has a mark, names that begin a line and are followed by a colon count.
    """
    marks = _marks(text, _HEADING)
    if not marks and len(text) <= MOST_BARE:
        marks = [mark for mark in _marks(text, _BARE) if mark["inline1"] is not None]
    for mark, following in zip_longest(marks, marks[1:]):
        index = 2 if "name2" in mark.re.groupindex and mark["name2"] else 1
        stop = following.start() if following else len(text)
        between = _BETWEEN.search(text, mark.end(), stop)
        body = text[mark.end() : between.start() if between else stop]
        part = _PARTS[re.sub(r"[ _-]+", "", mark[f"name{index}"].lower())]
        number, inline = mark[f"number{index}"], mark[f"inline{index}"]
        if part != "reviewer" and number and not inline:
            number, inline = None, number
        yield Heading(
            part=part,
            number=int(number) if number else None,
            level=len(mark["hashes"] or "") if mark.re is _HEADING else 0,
            start=mark.start(),
            body=f"{inline or ''}\n{body}".strip(),
            ends_review=between is not None,
        )


def _marks(text: str, pattern: re.Pattern[str]) -> list[re.Match[str]]:
    marks: list[re.Match[str]] = []
    for mark in pattern.finditer(text):
        line = text.rfind("\n", max(0, mark.start() - 4), mark.start()) + 1
        if (line or mark.start() <= 3) and not text[line : mark.start()].strip(" "):
            marks.append(mark)
        if len(marks) == MOST_HEADINGS:
            break
    return marks
