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
    rf"[\s*_`$({{\[\"']*(?:{_LEAD})?[\s*_`$(\[\"':}}]*"
    r"(?P<value>[0-9]{1,3}(?:[.,][0-9]{1,20})?)(?![0-9]|[.,][0-9]|e[+-]?[0-9])"
    r"(?!\s*(?:-|–|—|to|or)\s*[0-9])"
    r"(?:[\s*_`$(){}\[\]]{0,8}(?:points?\s{0,8}|(?P=value)\s{0,8})?(?:/|out\s+of\b|of\b)[\s*_`$({\[]{0,8}(?P<most>[0-9]{1,3}(?:[.,][0-9]{1,20})?))?",
    re.IGNORECASE,
)
_DRESSING = re.compile(r"\\(?:text(?:bf|it|rm|sf|tt|sc)?|emph|underline|boxed|math(?:bf|rm|it|sf)|bf|it)\b\s*\{?")
"""LaTeX around a number; its closing brace comes behind it, where nothing is looked for."""
_WORDS = {"poor": 1.0, "fair": 2.0, "good": 3.0, "excellent": 4.0}
"""The ICLR form's names for 1 to 4 of soundness, presentation and contribution."""
_CLAUSE_END = re.compile(
    r"[.;:!?,]|\b(?:but|and|because|since|although|though|while|whereas|despite|unless)\b", re.IGNORECASE
)
_NEGATOR = re.compile(
    r"(?P<verbal>\b(?:not(?!\s+(?:to|only)\b)|cannot|never|hardly|neither|nor|"
    r"no(?!\s+(?:\w+\s+)?(?:hesitation|reservations?|concerns?|problems?)\b))\b|n['’]t\b)|"
    r"\b(?:not\s+to|against|below|short\s+of|doubt|rather\s+than|instead\s+of|unable|unlikely|fail(?:s|ed)?|"
    r"object\s+to|objections?|oppos(?:e|ed|ing)|hesitate)\b",
    re.IGNORECASE,
)
"""What turns a verdict behind it round. One that is not a verb's takes the one before it back: `no reason not to`."""
_NEGATED_BEHIND = re.compile(
    r"(?:ance|ion|ing)(?:\s+(?!(?:as|that|which|if|where)\b)[\w-]+){0,8}?\s+(?:cannot|\w+n['’]t|"
    r"(?:is|was|be|seems?|does|did|can|could|should|would|will|has|may|must)\s+(?:\w+\s+){0,2}?(?:not|never|hardly|unlikely))\b",
    re.IGNORECASE,
)
"""`Acceptance is not warranted`: what turns round a verdict that is the subject."""
_PARENTHESIS = re.compile(r"(\b(?:not|cannot|never)|n['’]t),[^,.;:!?]{0,60},", re.IGNORECASE)
"""`I cannot, in good conscience, recommend`: no clause ends there."""
_VERDICT = re.compile(r"\b(?P<un>un|non-?)?(?P<stem>accept|reject)(?P<form>[a-z]*)\b", re.IGNORECASE)
_MARKS = str.maketrans("", "", "*_`")


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
        votes = _votes(_PARENTHESIS.sub(r"\1", line.translate(_MARKS)))
        if votes and votes.count(votes[0]) == len(votes):
            return votes[0], None
        if votes:
            return None, f"the decision says both: {quoted(line)}"
    return None, f"the decision is neither accept nor reject: {quoted(text)}"


def _votes(line: str) -> list[Decision]:
    votes: list[Decision] = []
    for clause in _CLAUSE_END.split(line):
        for verdict in _VERDICT.finditer(clause):
            negated = bool(verdict["un"])
            for found in _NEGATOR.finditer(clause, 0, verdict.start()):
                negated = bool(found["verbal"]) or not negated
            if _NEGATED_BEHIND.match(clause, verdict.start("form")):
                negated = not negated
            if verdict["stem"].lower() == "accept":
                votes.append("reject" if negated else "accept")
            elif not negated:
                votes.append("reject")
    return votes
