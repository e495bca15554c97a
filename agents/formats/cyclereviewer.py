"""What CycleReviewer writes, in both published formats.

The 8B form separates reviews by a line of asterisks and heads their parts with two hashes; the 123B form begins each
review with `## Reviewer` and heads its parts with three. Both end in a meta-review and a decision, and an output may
stop anywhere.
"""

from __future__ import annotations

from peercycle.agents.formats.plain import clean, quoted
from peercycle.agents.formats.reviewing import read_reviews, split_reviews
from peercycle.agents.formats.scores import read_decision
from peercycle.core.reviews import Assessment


def parse(text: str) -> Assessment:
    """Return what a CycleReviewer output says; what is missing or unreadable is in `problems`. Never raises."""
    text = clean(text)
    found = split_reviews(text)
    reviews, problems = read_reviews(found, text)
    decision, problem = read_decision(found.decision)
    if problem:
        problems.append(problem)
    if found.decision is None:
        problems.append("there is no decision")
    if not reviews:
        problems.insert(0, f"there is no review in {quoted(text)}" if text.strip() else "the answer is empty")
    return Assessment(reviews=reviews, meta_review=found.meta, decision=decision, problems=tuple(problems))
