"""One reviewer of the panel: asked, perhaps asked to reflect, and read."""

from __future__ import annotations

from typing import Any

from peercycle.agents.reviewers.prompted.settings import PromptedReviewerSettings
from peercycle.agents.structured.asking import Question, ask_json, taken
from peercycle.agents.structured.schemas import Schema, integer, listed, one_of, record, text
from peercycle.agents.structured.templates import render
from peercycle.core.base import JSON, canonical_json
from peercycle.core.contracts import StageContext
from peercycle.core.modelling import Message
from peercycle.core.reviews import Review, ReviewPoint, Scale

PACKAGE = "peercycle.agents.reviewers.prompted"
RATINGS = (1, 3, 5, 6, 8, 10)
SCALE = Scale(calibrated=False, note="the ICLR form's scale, filled in by a model that was not fitted to it")


def shared_turns(paper: str, measured: str, rest: str) -> tuple[Message, ...]:
    """Return a conversation that begins with the paper, alike for all reviewers, and ends in what differs."""
    shown = render(PACKAGE, "paper", paper=paper, measured=measured)
    return (
        Message(role="system", content=render(PACKAGE, "system")),
        Message(role="user", content=f"{shown}\n\n{rest}"),
    )


def review_schema(settings: PromptedReviewerSettings) -> Schema:
    """Return the form of a review."""
    item = text(settings.text_characters)
    weakness = record(text=item, asks=one_of(["text", "evidence"]))
    grade = integer(1, 4)
    return record(
        summary=item,
        strengths=listed(item, settings.items),
        weaknesses=listed(weakness, settings.items),
        questions=listed(item, settings.items),
        soundness=grade,
        presentation=grade,
        contribution=grade,
        rating={"type": "integer", "enum": list[JSON](RATINGS)},
        confidence=integer(1, 5),
        decision=one_of(["accept", "reject"]),
    )


async def one_review(
    number: int, paper: str, measured: str, settings: PromptedReviewerSettings, role: str, ctx: StageContext
) -> Review:
    """Have the paper reviewed once."""
    disposition = settings.dispositions[number - 1]
    messages = shared_turns(paper, measured, render(PACKAGE, "review", disposition=disposition))
    schema = review_schema(settings)
    question = Question(f"review {number}", role, messages, settings.sampling, schema)
    said = (await ask_json(question, ctx, taken)).value
    if settings.reflection:
        again = (
            *messages,
            Message(role="assistant", content=canonical_json(said).decode()),
            Message(role="user", content=render(PACKAGE, "reflect", review=canonical_json(said).decode())),
        )
        question = Question(f"review {number}, reflected", role, again, settings.sampling, schema)
        said = (await ask_json(question, ctx, taken)).value
    return _read(number, disposition, said)


def _read(number: int, disposition: str, said: dict[str, Any]) -> Review:
    points = [
        ReviewPoint(id=f"w{n}", text=weakness["text"], asks=weakness["asks"])
        for n, weakness in enumerate(said["weaknesses"], 1)
    ]
    points += [ReviewPoint(id=f"q{n}", text=asked) for n, asked in enumerate(said["questions"], 1)]
    return Review(
        reviewer=f"reviewer {number}",
        summary=said["summary"],
        strengths=tuple(said["strengths"]),
        weaknesses=tuple(weakness["text"] for weakness in said["weaknesses"]),
        questions=tuple(said["questions"]),
        scale=SCALE,
        points=tuple(points),
        text=canonical_json(said).decode(),
        extra={"prompted": {"disposition": disposition}},
        soundness=float(said["soundness"]),
        presentation=float(said["presentation"]),
        contribution=float(said["contribution"]),
        rating=float(said["rating"]),
        confidence=float(said["confidence"]),
        decision=said["decision"],
    )
