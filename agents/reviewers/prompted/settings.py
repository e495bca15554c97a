"""Settings of the prompted reviewer."""

from __future__ import annotations

from pydantic import Field, model_validator

from peercycle.core.base import Word
from peercycle.core.modelling import Sampling

DISPOSITIONS: tuple[str, ...] = (
    "You look first for what would have to be true for the main claim to hold, and whether it was shown.",
    "You look first at how the experiments were done: baselines, seeds, what was left out.",
    "You look first at what is new against the works that are cited, and at those that are not.",
    "You look first at whether a reader could repeat the work from what is written.",
    "You look first for what is good in the paper, and say plainly what keeps it from being better.",
    "You look first at what the paper leaves unsaid about its limits.",
    "You look first at whether definitions and notation say what they need to, and are kept to.",
    "You look first at how the numbers were analysed: intervals, tests, and what would overturn them.",
    "You look first at whether the conclusions go further than the results.",
    "You look first at who could use the work, and what it would cost them.",
    "You look first at whether the simplest explanation of the results was ruled out.",
    "You look first at how the paper is told: what a newcomer to the field would not follow.",
)
"""What reviewers of one panel differ in; each review records its own."""
MOST_REVIEWERS = len(DISPOSITIONS)


class PromptedReviewerSettings(Word):
    """Who is on the panel, and how the model is asked."""

    reviewers: int = Field(default=4, ge=1, le=MOST_REVIEWERS)
    dispositions: tuple[str, ...] = DISPOSITIONS
    """One for each reviewer, given out in order."""
    reflection: bool = False
    """Each reviewer reads the own review once more and may change it."""
    verification: bool = True
    """Every weakness is checked against the paper; what is found invalid is left out of reviews and told."""
    meta_review: bool = True
    temperature: float | None = Field(default=0.7, ge=0)
    answer_tokens: int = Field(default=3000, ge=64)
    context_tokens: int = Field(default=32_000, ge=512)
    characters_per_token: float = Field(default=3.0, gt=0)
    text_characters: int = Field(default=600, ge=16)
    """Most characters of one strength, weakness or question."""
    items: int = Field(default=5, ge=1, le=20)
    """Most strengths, weaknesses and questions, each."""

    @model_validator(mode="after")
    def _one_for_each(self) -> PromptedReviewerSettings:
        if (given := len(set(self.dispositions))) < max(self.reviewers, len(self.dispositions)):
            raise ValueError(
                f"{self.reviewers} reviewers need as many dispositions, no two alike; {given} differ: give more, or set "
                f"reviewers lower"
            )
        return self

    @property
    def sampling(self) -> Sampling:
        """How tokens are drawn."""
        return Sampling(temperature=self.temperature, max_tokens=self.answer_tokens)

    @property
    def paper_characters(self) -> int:
        """Characters of the paper that a prompt may show."""
        return max(400, int((self.context_tokens - self.answer_tokens - 64) * self.characters_per_token) - 3000)
