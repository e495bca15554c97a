"""Scores and decisions as reviewers write them. What is not clearly one is missing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from peercycle.agents.formats.plain import quoted
from peercycle.core.reviews import Decision

_LOOKED_AT = 400
"""Characters of a field that are looked at for a score or a decision."""
_LEAD = (
    r"(?:(?:overall|final|my|the|paper)\s+)?"
    r"(?:rating|score|soundness|presentation|contribution|confidence)(?:\s+(?:is|of))?\s*[:=-]?\s*"
)
_SCORE = re.compile(
    rf"[\s*_`$(\[\"']*(?:{_LEAD})?[\s*_`$(\[\"':}}]*"
    r"(?P<value>[0-9]{1,3}(?:[.,][0-9]{1,20})?)(?![0-9]|[.,][0-9]|e[+-]?[0-9])"
    r"(?!\s*(?:-|–|—|to|or)\s*[0-9])"
    r"(?:[\s*_`$)}\]]{0,8}(?:/|out\s+of\b|of\b)[\s*_`$({\[]{0,8}(?P<most>[0-9]{1,3}(?:[.,][0-9]{1,20})?))?",
    re.IGNORECASE,
)
_DRESSING = re.compile(r"\\(?:text(?:bf|it|rm|sf|tt|sc)|emph|underline|boxed|math(?:bf|rm|it|sf)|bf|it)\b\s*\{?")
"""LaTeX around a number; its closing brace comes behind it, where nothing is looked for."""
_WORDS = {"poor": 1.0, "fair": 2.0, "good": 3.0, "excellent": 4.0}
"""The ICLR form's names for 1 to 4 of soundness, presentation and contribution."""
_NEGATION = re.compile(
    r"(?:\bnot|n['’]t|\bnever|\bno|\bcannot|\bnor|\bneither|\bwithout|\bagainst|\brather\s+than|\binstead\s+of|"
    r"\bunable\s+to|\bfails?\s+to|\bunlikely\s+to|\bbelow)"
    r"(?:[\s*_]+(?:be|been|to|the|an|a|yet|fully|really|recommend(?:ed|ing|ation)?|for|get|can|should|bar|of|meet|is|"
    r"threshold|clearly|ready|suggest(?:ed|ing)?|support(?:ed|ing)?|favou?r|favou?ring|propos(?:e|ed|ing)|advocat(?:e|ing)|"
    r"endors(?:e|ing)|advis(?:e|ed|ing)|vot(?:e|ing)|lean(?:ing)?|inclined|willing|think|believe|feel|argue|argument|"
    r"reason|see|that|this|paper|work|manuscript|submission|it|in|i|we|would|warrant|merit|deserve|justify|outright|"
    r"immediate|clear|its|their)){0,8}[\s*_]*$",
    re.IGNORECASE,
)
_NEGATED_BEHIND = re.compile(
    r"[\s*_]+(?:(?:of|this|the|paper|work|manuscript|submission)[\s*_]+){0,4}"
    r"(?:(?:is|was|would|can|could|should|seems?)(?:[\s*_]+not|n['’]t)|cannot)(?:[\s*_]+(?:be|yet|really)){0,2}"
    r"[\s*_]+(?:recommended|warranted|justified|possible|advisable|advised|appropriate|supported|merited|deserved|"
    r"suggested|proposed)\b",
    re.IGNORECASE,
)
"""`Acceptance is not warranted`: what takes a verdict back behind it."""
_BEFORE = 120
"""Characters before a verdict that may take it back."""
_VERDICT = re.compile(r"\b(un|non-?)?(accept|reject)[a-z]*\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Scored:
    """A score, or why there is none."""

    value: float | None
    problem: str | None = None


def read_score(name: str, text: str | None, low: float, high: float, *, words: bool = False) -> Scored:
    """Read the number that a field begins with: `6`, `6: marginally above`, `3 good`, `8/10`, `\\textbf{6}`, `5.67`.

    A number outside `low` to `high`, one of another scale (`4/5` where ten is the most), a range, and a text without
    a number at its beginning are missing scores.
    `words` reads a lone `poor`, `fair`, `good` or `excellent` as 1 to 4.
    """
    if text is None:
        return Scored(None)
    head = text[:_LOOKED_AT].strip()
    if not head:
        return Scored(None, f"{name} is empty")
    found = _SCORE.match(_DRESSING.sub("", head))
    if found is None:
        word = re.sub(r"[^a-z]", "", head.lower())
        if words and word in _WORDS:
            return Scored(_WORDS[word])
        if word in {"na", "none", "notapplicable", "missing"}:
            return Scored(None)
        return Scored(None, f"{name} has no number at its beginning: {quoted(head)}")
    value, most = _number(found["value"]), found["most"]
    if most is not None and _number(most) != high:
        return Scored(None, f"{name} is {found['value']} of {most}, on another scale than {low:g} to {high:g}")
    if not low <= value <= high:
        return Scored(None, f"{name} is {found['value']}, outside {low:g} to {high:g}")
    return Scored(value)


def _number(digits: str) -> float:
    return float(digits.replace(",", "."))


def read_decision(text: str | None) -> tuple[Decision | None, str | None]:
    """Return the decision that a text states, or None and why.

    The first line that speaks of accepting or rejecting decides. A negated word counts for the other side where it
    speaks of acceptance ("not accepted", "unacceptable") and for none where it speaks of rejection; a line with both
    is undecided.
    """
    if text is None or not text.strip():
        return None, None
    lines = [line for line in text[: 4 * _LOOKED_AT].splitlines() if line.strip()][:8]
    for line in lines:
        cast: list[Decision | None] = [_vote(line, verdict) for verdict in _VERDICT.finditer(line)]
        votes: list[Decision] = [vote for vote in cast if vote is not None]
        if votes and votes.count(votes[0]) == len(votes):
            return votes[0], None
        if votes:
            return None, f"the decision says both: {quoted(line)}"
    return None, f"the decision is neither accept nor reject: {quoted(text)}"


def _vote(line: str, verdict: re.Match[str]) -> Decision | None:
    negated = (
        verdict.group(1)
        or _NEGATION.search(line, max(0, verdict.start() - _BEFORE), verdict.start())
        or _NEGATED_BEHIND.match(line, verdict.end(), verdict.end() + _BEFORE)
    )
    if verdict.group(2).lower() == "accept":
        return "reject" if negated else "accept"
    return None if negated else "reject"
