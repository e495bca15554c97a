"""Headings and bullets within abstracts: `BACKGROUND:`, `Methods In this trial`."""

from __future__ import annotations

import re

_BEFORE_A_COLON = (
    r"(?:abstract|aims?(?: and (?:objectives?|methods))?|background(?: and (?:aims?|objectives?|purpose))?"
    r"|case (?:presentation|report)|conclusions?(?: and (?:relevance|implications|significance))?|context"
    r"|data (?:collection|extraction|sources?|synthesis)|design(?:,? setting,? and participants)?|discussion|exposures?"
    r"|findings|funding|importance|interpretation|interventions?|introduction"
    r"|main (?:outcomes?(?: and measures?| measures?)?|results)|materials? and methods"
    r"|measurements?(?: and main results)?|methodology|methods?(?: and (?:results|findings|materials))?|motivation"
    r"|objectives?|participants|patients(?: and methods)?|(?:main|principal) findings|purpose|rationale"
    r"|results?(?: and (?:conclusions?|discussion))?|scope|settings?|significance|study (?:design|selection)|summary"
    r"|trial registration)"
)
_START = r"(?:^|(?<=[.!?)\]] ))"
_WITH_COLON = re.compile(rf"{_START}{_BEFORE_A_COLON}\s?:\s+", re.IGNORECASE)
_BARE = re.compile(
    rf"{_START}(Background|Context|Purpose|Importance|Introduction|Aims?|Objectives?|Methods|Results|Findings"
    r"|Conclusions?|Interpretation|Significance|BACKGROUND|CONTEXT|PURPOSE|IMPORTANCE|INTRODUCTION|AIMS?|OBJECTIVES?|METHODS|RESULTS"
    r"|FINDINGS|CONCLUSIONS?|INTERPRETATION|SIGNIFICANCE) (?=[A-Z0-9])"
)
LEAST_BARE = 2
"""So many different headings without a colon show that these words are headings: `Results Between March` alone may be
a sentence."""
_CAPITALS = re.compile(r"\b(?:BACKGROUND|OBJECTIVES?|AIMS?|METHODS?|RESULTS?|FINDINGS|CONCLUSIONS?)\b")
BULLET = re.compile(r"(?:^|\s)[*•▪◦●■‣]\s+")


def without_headings(abstract: str) -> str:
    """Return an abstract, its blanks single, without the headings of its parts; they are no words of the work.

    One before a small letter stays, since what stands before it and behind it would become one sentence.
    """
    plain = _WITH_COLON.sub(lambda found: found[0] if abstract[found.end() :][:1].islower() else "", abstract)
    bare = {found[1].casefold().rstrip("s") for found in _BARE.finditer(plain)}
    return _BARE.sub("", plain) if len(bare) >= LEAST_BARE else plain


def counted_part(abstract: str) -> str:
    """Return what of an abstract without headings is counted: not those that stayed."""
    return _WITH_COLON.sub("", abstract)


def holds_heading(sentence: str) -> bool:
    """Return whether a sentence holds a heading, so that it is not one sentence of the work's."""
    return _WITH_COLON.search(sentence) is not None or _CAPITALS.search(sentence) is not None
