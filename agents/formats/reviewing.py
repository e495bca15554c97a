"""From headed text to reviews: what both published reviewers' formats have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from peercycle.agents.formats.headed import Heading, headings
from peercycle.agents.formats.listing import items
from peercycle.agents.formats.scores import read_decision, read_score
from peercycle.core.reviews import Review

MOST_REVIEWS = 64
RANGES = {
    "soundness": (1.0, 4.0),
    "presentation": (1.0, 4.0),
    "contribution": (1.0, 4.0),
    "rating": (1.0, 10.0),
    "confidence": (1.0, 5.0),
}
"""Lowest and highest value of each score."""


@dataclass(slots=True)
class ReviewText:
    """One review's parts as text, by name, before anything is read in them."""

    parts: dict[str, str] = field(default_factory=dict)
    number: int | None = None
    start: int = 0
    closed: bool = False
    """A line of asterisks came after its last part."""


@dataclass(slots=True)
class Headed:
    """What a headed text holds: reviews, then perhaps a meta-review and a decision."""

    reviews: list[ReviewText] = field(default_factory=list)
    meta: str | None = None
    decision: str | None = None
    tail: int | None = None
    """Where the first part begins that belongs to no review."""
    problems: list[str] = field(default_factory=list)


def split_reviews(text: str) -> Headed:
    """Sort a text's headed parts into reviews.

    A review begins at a heading `Reviewer`, after a line of asterisks, and wherever a part comes that the review in
    hand already has. A meta-review keeps its own deeper headings.
    """
    found = Headed()
    for heading in _outside_meta(headings(text), found):
        if heading.part == "decision":
            found.decision = heading.body if found.decision is None else found.decision
            found.tail = heading.start if found.tail is None else found.tail
            continue
        _place(heading, found)
        if len(found.reviews) > MOST_REVIEWS:
            found.reviews.pop()
            found.problems.append(f"more than {MOST_REVIEWS} reviews; the others were left out")
            break
    found.reviews = [review for review in found.reviews if review.parts]
    return found


def _outside_meta(every: Iterable[Heading], found: Headed) -> Iterator[Heading]:
    """Yield the headings that are not a meta-review's own, and keep the meta-review."""
    meta_level: int | None = None
    title = {"summary": "Summary", "strengths": "Strengths", "weaknesses": "Weaknesses"}
    for heading in every:
        if heading.part == "meta":
            meta_level = heading.level
            found.tail = heading.start if found.tail is None else found.tail
            found.meta = heading.body if not found.meta else f"{found.meta}\n\n{heading.body}"
        elif meta_level is not None and heading.level > meta_level and heading.part != "decision":
            name = title.get(heading.part, heading.part.capitalize())
            found.meta = f"{found.meta}\n\n{'#' * heading.level} {name}\n{heading.body}".strip()
        else:
            meta_level = None
            yield heading


def _place(heading: Heading, found: Headed) -> None:
    current = found.reviews[-1] if found.reviews else None
    begins = heading.part == "reviewer"
    if current is None or begins or heading.part in current.parts or current.closed:
        current = ReviewText(number=heading.number if begins else None, start=heading.start)
        found.reviews.append(current)
    if not begins:
        current.parts[heading.part] = heading.body
    elif heading.body:
        current.parts["preface"] = heading.body
    current.closed = heading.ends_review


def read_review(source: ReviewText, reviewer: str, text: str) -> tuple[Review, list[str]]:
    """Read one review's parts; return it and what could not be read."""
    parts, problems = source.parts, list[str]()
    scores: dict[str, float | None] = {}
    for name, (low, high) in RANGES.items():
        scored = read_score(name, parts.get(name), low, high, words=high == 4.0)
        scores[name] = scored.value
        if scored.problem:
            problems.append(f"{reviewer}: {scored.problem}")
    decision, problem = read_decision(parts.get("decision"))
    if problem:
        problems.append(f"{reviewer}: {problem}")
    review = Review(
        reviewer=reviewer,
        summary="\n\n".join(p for p in (parts.get("preface"), parts.get("summary")) if p),
        strengths=items(parts.get("strengths")),
        weaknesses=items(parts.get("weaknesses")),
        suggestions=items(parts.get("suggestions")),
        questions=items(parts.get("questions")),
        ethics_flag=parts.get("ethics") or None,
        decision=decision,
        text=text,
        soundness=scores["soundness"],
        presentation=scores["presentation"],
        contribution=scores["contribution"],
        rating=scores["rating"],
        confidence=scores["confidence"],
    )
    return review, problems


def read_reviews(found: Headed, text: str) -> tuple[tuple[Review, ...], list[str]]:
    """Read every review of a split text."""
    reviews: list[Review] = []
    problems = list(found.problems)
    last = found.reviews[-1].start if found.reviews else 0
    tail = found.tail if found.tail is not None and found.tail > last else len(text)
    bounds = [review.start for review in found.reviews[1:]] + ([tail] if found.reviews else [])
    for index, (source, stop) in enumerate(zip(found.reviews, bounds, strict=True), 1):
        name = f"reviewer {source.number if source.number is not None else index}"
        review, faults = read_review(source, name, text[source.start : stop].strip())
        reviews.append(review)
        problems += faults
    return tuple(reviews), problems
