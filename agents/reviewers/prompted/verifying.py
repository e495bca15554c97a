"""The pass that checks every weakness against the paper, and can say that one is invalid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peercycle.agents.formats.verdicts import Verdict
from peercycle.agents.reviewers.prompted.panel import PACKAGE, shared_turns
from peercycle.agents.reviewers.prompted.settings import PromptedReviewerSettings
from peercycle.agents.structured.asking import Answer, BadAnswerError, Question, ask_json, taken
from peercycle.agents.structured.schemas import listed, one_of, record, text
from peercycle.agents.structured.templates import render
from peercycle.core.base import JSON
from peercycle.core.contracts import StageContext
from peercycle.core.reviews import Review

Checked = dict[str, tuple[Verdict, str]]
"""Verdict and evidence, by the id of the weakness."""


async def verify(
    reviews: Sequence[Review],
    paper: str,
    measured: str,
    settings: PromptedReviewerSettings,
    role: str,
    ctx: StageContext,
) -> Answer[Checked]:
    """Have every weakness of the panel checked against the paper; reports say which were not."""
    stated = weaknesses_of(reviews)
    if not stated:
        return taken({})
    listing = "\n".join(f"[{name}] {said}" for name, said in stated.items())
    messages = shared_turns(paper, measured, render(PACKAGE, "verify", weaknesses=listing))
    verdict = record(
        id=one_of(list(stated)),
        validity=one_of(["valid", "partially valid", "invalid"]),
        evidence=text(settings.text_characters),
    )

    def read(said: dict[str, JSON]) -> Answer[Checked]:
        entries: Any = said["verdicts"]
        checked: Checked = {}
        for entry in entries:
            found = Verdict(statement=stated[entry["id"]], validity=entry["validity"])
            checked.setdefault(entry["id"], (found, entry["evidence"]))
        missing = [name for name in stated if name not in checked]
        if missing:
            fault = f"there is no verdict on {', '.join(missing)}"
            raise BadAnswerError(fault, fallback=Answer(checked, (fault,)))
        return taken(checked)

    schema = record(verdicts=listed(verdict, len(stated), least=1))
    return await ask_json(Question("verification", role, messages, settings.sampling, schema), ctx, read)


def weaknesses_of(reviews: Sequence[Review]) -> dict[str, str]:
    """Return every weakness by an id that is unique in the panel."""
    return {f"r{n}.{p.id}": p.text for n, r in enumerate(reviews, 1) for p in r.points if p.id.startswith("w")}


def without_invalid(reviews: Sequence[Review], checked: Checked) -> tuple[Review, ...]:
    """Return the reviews without the weaknesses that were found invalid; ratings stay as they were given."""
    invalid = {name for name, (verdict, _) in checked.items() if verdict.validity == "invalid"}
    kept: list[Review] = []
    for number, review in enumerate(reviews, 1):
        gone = {p.id: p.text for p in review.points if f"r{number}.{p.id}" in invalid}
        points = tuple(p for p in review.points if p.id not in gone)
        weaknesses = tuple(p.text for p in points if p.id.startswith("w"))
        kept.append(review.model_copy(update={"points": points, "weaknesses": weaknesses}) if gone else review)
    return tuple(kept)


def told(checked: Checked) -> str:
    """Return what the verification found, a line for each weakness."""
    return "\n".join(
        f"[{name}] {verdict.validity}: {verdict.statement} ({evidence})"
        for name, (verdict, evidence) in checked.items()
    )
