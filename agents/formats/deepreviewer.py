"""What DeepReviewer writes in its fast, standard and best modes.

Fast mode writes one block, `\\boxed_review{…}`. Standard mode writes simulated reviewers and a verification before it.
Best mode asks questions first (`\\boxed_questions{…}`, `\\boxed_analysis{…}`) and writes the rest in a second turn.
"""

from __future__ import annotations

import re

from peercycle.agents.formats.boxes import boxes
from peercycle.agents.formats.listing import items
from peercycle.agents.formats.plain import clean, quoted
from peercycle.agents.formats.reviewing import Headed, ReviewText, read_review, read_reviews, split_reviews
from peercycle.agents.formats.scores import read_decision
from peercycle.agents.formats.verdicts import read_verdicts, verdict_notes
from peercycle.core.base import JSON
from peercycle.core.reviews import Assessment, Decision, Review

MOST_QUESTIONS = 16
_QUESTION = re.compile(
    r"^[ ]{0,3}(?:#{1,6}[ \t]*+)?[*_]{0,2}(?:question[ \t]*+(?P<named>[0-9]{1,2})[*_]{0,2}[ \t]*+(?:[.:)]|(?=\n))"
    r"|(?P<listed>[0-9]{1,2})[.)])[*_]{0,2}[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)


def parse(text: str) -> Assessment:
    """Return what a DeepReviewer output says, in any mode; what is missing or unreadable is in `problems`.

    `.reviews` are the simulated reviewers; where there are none, the final review is the only one. The final review's
    own scores are in `.notes["meta_scores"]`, what the verification found in `.notes["verdicts"]`, the analysis of
    best mode in `.notes["analysis"]`. Never raises.
    """
    text = clean(text)
    blocks = boxes(text)
    problems: list[str] = []
    if not blocks:
        said = f"there is no \\boxed block in {quoted(text)}" if text.strip() else "the answer is empty"
        problems.append(said)
        blocks = {"review": text} if text.strip() else {}
    reviews, faults = _simulated(blocks.get("simreviewers"))
    problems += faults
    final, decision, faults = _final(blocks.get("review"))
    problems += faults
    notes: dict[str, JSON] = {}
    if final is not None and reviews:
        notes["meta_scores"] = _scores(final)
    verification = blocks.get("verification") or None
    if verification and (verdicts := read_verdicts(verification)):
        notes["verdicts"] = verdict_notes(verdicts)
    if analysis := blocks.get("analysis"):
        notes["analysis"] = analysis
    if not reviews and final is not None:
        reviews = (final,)
    if not reviews and "questions" not in blocks and text.strip():
        problems.append("there is no review")
    return Assessment(
        reviews=reviews,
        verification=verification,
        questions=read_questions(blocks.get("questions", "")),
        meta_review=blocks.get("review") if "simreviewers" in blocks else None,
        decision=decision,
        problems=tuple(problems),
        notes=notes,
    )


def read_questions(text: str) -> tuple[str, ...]:
    """Return the questions of a questions block: its numbered entries, or else its paragraphs that ask something."""
    starts: list[re.Match[str]] = []
    for mark in _QUESTION.finditer(text):
        if int(mark["named"] or mark["listed"]) == len(starts) + 1:
            starts.append(mark)
        if len(starts) == MOST_QUESTIONS:
            break
    if starts:
        ends = [mark.start() for mark in starts[1:]] + [len(text)]
        found = [text[mark.end() : end].strip() for mark, end in zip(starts, ends, strict=True)]
        return tuple(question for question in found if question)
    listed = items(text)
    asking = tuple(entry for entry in listed if "?" in entry)
    return (asking or listed)[:MOST_QUESTIONS]


def _simulated(block: str | None) -> tuple[tuple[Review, ...], list[str]]:
    if block is None:
        return (), []
    reviews, problems = read_reviews(split_reviews(block), block)
    return reviews, problems if reviews else [*problems, f"no simulated reviewer is told apart in {quoted(block)}"]


def _final(block: str | None) -> tuple[Review | None, Decision | None, list[str]]:
    if block is None:
        return None, None, []
    found = split_reviews(block)
    if not found.reviews:
        return None, None, [f"the final review has no part that is known: {quoted(block)}"]
    review, problems = read_review(_joined(found), "final review", block)
    decision, problem = read_decision(found.decision)
    if problem:
        problems.append(problem)
    if found.decision is None:
        problems.append("there is no decision")
    return review, decision, problems


def _joined(found: Headed) -> ReviewText:
    """Return the parts of a final review as one: a part that comes again adds to what was said first."""
    first = found.reviews[0]
    for other in found.reviews[1:]:
        for name, body in other.parts.items():
            first.parts[name] = f"{first.parts[name]}\n\n{body}" if name in first.parts else body
    return first


def _scores(review: Review) -> JSON:
    named = ("rating", "soundness", "presentation", "contribution", "confidence")
    return {name: value for name in named if (value := getattr(review, name)) is not None}
