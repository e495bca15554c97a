"""What a verification says of each weakness that it checked."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import Literal

from peercycle.core.base import JSON, Word

Validity = Literal["valid", "partially valid", "invalid"]

MOST_VERDICTS = 200
_VALIDITY = re.compile(
    r"(?:validity(?:[ _-]?status)?|conclusion|verdict)[\"'*_ \t]*[:=-][\"'*_\s]*"
    r"(?P<value>(?:only )?partial(?:ly)?[ _-]+valid|not[ _-]+valid|invalid|valid)\b",
    re.IGNORECASE,
)
_CONFIDENCE = re.compile(
    r"confidence(?:[ _-]?level)?[\"'*_ \t]*[:=-][\"'*_\s]*(?P<value>very high|high|medium|moderate|low)\b",
    re.IGNORECASE,
)
_STATEMENT = re.compile(
    r"(?:weakness|claim)[ _-]*statement[\"'*_ \t]*+[:.-]?[\"'*_\s]*(?P<text>[^\n]{1,600})", re.IGNORECASE
)


class Verdict(Word):
    """One weakness, checked."""

    statement: str = ""
    validity: Validity
    confidence: str | None = None


def read_verdicts(text: str) -> tuple[Verdict, ...]:
    """Return the verdicts of a verification, in order: those whose validity is told, in prose or as JSON."""
    statements = _limited(_STATEMENT, text)
    levels = _limited(_CONFIDENCE, text)
    found = _limited(_VALIDITY, text)
    verdicts: list[Verdict] = []
    begin = 0
    for mark, following in zip_longest(found, found[1:]):
        stop = following.start() if following else len(text)
        stated = [s for s in statements if begin <= s.start() < mark.start()]
        level = next((m for m in levels if mark.start() <= m.start() < min(stop, mark.end() + 400)), None)
        verdicts.append(
            Verdict(
                statement=stated[-1]["text"].strip(" \"',*_") if stated else "",
                validity=_validity(mark["value"]),
                confidence=level["value"].lower() if level else None,
            )
        )
        begin = mark.end()
    return tuple(verdicts)


def verdict_notes(verdicts: tuple[Verdict, ...]) -> JSON:
    """Return verdicts as an assessment's notes keep them."""
    listed: list[JSON] = [verdict.model_dump(mode="json") for verdict in verdicts]
    return listed


def _validity(said: str) -> Validity:
    word = said.lower()
    if "partial" in word:
        return "partially valid"
    return "invalid" if word.startswith(("not", "in")) else "valid"


def _limited(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    found: list[re.Match[str]] = []
    for mark in pattern.finditer(text):
        found.append(mark)
        if len(found) == MOST_VERDICTS:
            break
    return found
