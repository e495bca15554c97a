"""The reviewer: a panel of differing dispositions, a check of what it says, and a meta-review."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from peercycle.agents.formats.verdicts import verdict_notes
from peercycle.agents.policies.prompted.material import show_measurements
from peercycle.agents.reviewers.papers import fitting_paper, paper_text, role_of
from peercycle.agents.reviewers.prompted.panel import PACKAGE, one_review, shared_turns
from peercycle.agents.reviewers.prompted.settings import PromptedReviewerSettings
from peercycle.agents.reviewers.prompted.verifying import Checked, told, verify, weaknesses_of, without_invalid
from peercycle.agents.structured.asking import Question, ask_json, taken
from peercycle.agents.structured.schemas import one_of, record, text
from peercycle.agents.structured.templates import render
from peercycle.core.base import JSON
from peercycle.core.contracts import StageContext
from peercycle.core.errors import UnparsableAnswerError
from peercycle.core.outlasting import together
from peercycle.core.reviews import Assessment, Review, Submission

T = TypeVar("T")

MACHINE_MADE = (
    "Made by peercycle's prompted reviewer: a language model in several dispositions. It is no peer review, and was "
    "not fitted to human ratings."
)


class PromptedReviewer:
    """Asks the model of the role `reviewer` (or `judge`) as often as the panel has members.

    The paper comes first and the disposition after it, so that an engine reads the paper once for all of them.
    """

    needs_model = True

    def __init__(self, settings: PromptedReviewerSettings) -> None:
        self.settings = settings

    async def review(self, submission: Submission, ctx: StageContext) -> Assessment:
        """Have the paper reviewed, the weaknesses checked, and the reviews weighed."""
        paper, cut = fitting_paper(paper_text(submission), self.settings.paper_characters)
        if not paper:
            return Assessment(problems=("there is no text to review",), machine_made=MACHINE_MADE)
        measured = show_measurements(submission.results, 2000)
        role, settings = role_of(ctx), self.settings
        problems = [cut] if cut else []
        numbers = range(1, settings.reviewers + 1)
        asked = await together(_or_why(one_review(n, paper, measured, settings, role, ctx)) for n in numbers)
        reviews = tuple(review for review in asked if isinstance(review, Review))
        unread = [why for why in asked if isinstance(why, str)]
        problems += unread
        if not reviews:
            raise UnparsableAnswerError(f"no review could be read; the first: {unread[0]}")
        checked: Checked = {}
        if settings.verification:
            found = await _or_why(verify(reviews, paper, measured, settings, role, ctx))
            if isinstance(found, str):
                problems.append(found)
            else:
                checked = found.value
                problems += found.reports
        notes: dict[str, JSON] = {"model_role": role}
        if checked:
            notes["verdicts"] = verdict_notes(tuple(verdict for verdict, _ in checked.values()))
        meta, decision = None, None
        if settings.meta_review:
            weighed = await _or_why(self._weigh(reviews, checked, paper, measured, role, ctx))
            if isinstance(weighed, str):
                problems.append(weighed)
            else:
                meta, decision = weighed
        return Assessment.model_validate(
            {
                "reviews": without_invalid(reviews, checked),
                "verification": told(checked) or None,
                "meta_review": meta,
                "decision": decision,
                "problems": problems,
                "machine_made": MACHINE_MADE,
                "notes": notes,
            }
        )

    async def _weigh(
        self, reviews: tuple[Review, ...], checked: Checked, paper: str, measured: str, role: str, ctx: StageContext
    ) -> tuple[str, str]:
        stated = weaknesses_of(reviews)
        invalid = "\n".join(stated[name] for name, (v, _) in checked.items() if v.validity == "invalid")
        said = "\n\n".join(f"{review.reviewer}: {review.text}" for review in reviews)
        schema = record(meta_review=text(3 * self.settings.text_characters), decision=one_of(["accept", "reject"]))
        messages = shared_turns(paper, measured, render(PACKAGE, "meta", reviews=said, invalid=invalid))
        question = Question("meta-review", role, messages, self.settings.sampling, schema)
        answer = (await ask_json(question, ctx, taken)).value
        return str(answer["meta_review"]), str(answer["decision"])


async def _or_why(asked: Awaitable[T]) -> T | str:
    """Return what was asked for, or why it could not be read: one bad answer must not cost the others."""
    try:
        return await asked
    except UnparsableAnswerError as error:
        return str(error)
