"""Headings and bullets within abstracts: `BACKGROUND:`, `Methods In this trial`."""

from __future__ import annotations

import re

_HEADINGS = (
    "Background|Context|Purpose|Importance|Introduction|Aims?|Objectives?|Methods?|Results?|Findings|Conclusions?"
    "|Interpretation|Significance"
)
_BEFORE_A_COLON = (
    rf"(?:{_HEADINGS}|abstract|aims? and (?:objectives?|methods)|background and (?:aims?|objectives?|purpose)"
    r"|case (?:presentation|report)|conclusions? and (?:relevance|implications|significance)"
    r"|data (?:collection|extraction|sources?|synthesis)|design(?:,? setting,? and participants)?|discussion|exposures?"
    r"|funding|interventions?|main (?:outcomes?(?: and measures?| measures?)?|results)|materials? and methods"
    r"|measurements?(?: and main results)?|methodology|methods? and (?:results|findings|materials)|motivation"
    r"|participants|patients(?: and methods)?|(?:main|principal) findings|rationale"
    r"|results? and (?:conclusions?|discussion)|scope|settings?|study (?:design|selection)|summary"
    r"|trial registration)"
)
_START = r"(?:^|(?<=[.!?)\]] ))"
_WITH_COLON = re.compile(rf"{_START}{_BEFORE_A_COLON}\s?:\s+", re.IGNORECASE)
_BARE = re.compile(rf"{_START}({_HEADINGS}|{_HEADINGS.upper()}) (?=[A-Z0-9])")
LEAST_BARE = 3
"""So many different headings without a colon show that these words are headings: two such as `Context Encoders are`
and `Background Subtraction removes` may begin sentences."""
_CAPITALS = re.compile(rf"\b(?:{_HEADINGS.upper()})\b")
BULLET = re.compile(r"(?:^|(?<=[.;:])\s)\*\s+(?=[A-Z])|(?:^|\s)[•▪◦●■‣]\s+")
"""An asterisk is one only where a sentence may begin: in `f * g` it is a sign."""


def without_headings(abstract: str) -> str:
    """Return an abstract, its blanks single, without the headings of its parts; they are no words of the work.

    One before a small letter stays, since what stands before it and behind it would become one sentence.
    """
    plain = _WITH_COLON.sub(
        lambda found: found[0] if abstract[found.end() : found.end() + 1].islower() else "", abstract
    )
    bare = {found[1].casefold().rstrip("s") for found in _BARE.finditer(plain)}
    return _BARE.sub("", plain) if len(bare) >= LEAST_BARE else plain


def counted_part(abstract: str) -> str:
    """Return what of an abstract without headings is counted: not those that stayed."""
    return _WITH_COLON.sub("", abstract)


def holds_heading(sentence: str) -> bool:
    """Return whether a sentence holds a heading, so that it is not one sentence of the work's."""
    return _WITH_COLON.search(sentence) is not None or _CAPITALS.search(sentence) is not None
