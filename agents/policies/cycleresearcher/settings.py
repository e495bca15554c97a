"""Settings of the published protocol."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from peercycle.core.base import Word
from peercycle.core.modelling import Sampling

STOP = ("\\clearpage", "\\clear", "clearpage")
"""What ended a paper in the published inference."""


class CycleResearcherSettings(Word):
    """How the model is asked; the defaults of sampling are those that were published."""

    temperature: float | None = Field(default=0.4, ge=0)
    top_p: float | None = Field(default=0.95, gt=0, le=1)
    answer_tokens: int = Field(default=19_000, ge=64)
    context_tokens: int = Field(default=60_000, ge=512)
    characters_per_token: float = Field(default=3.0, gt=0)
    seeds: int = Field(default=3, ge=1, le=20)
    experiments: int = Field(default=8, ge=0, le=16)
    """Most experiments of a set-up that are run; the model lists 3 to 8."""
    experiment_seconds: float = Field(default=300.0, gt=0)
    environment: Literal["scientific", "base"] = "scientific"
    """What programs find installed: Python with numpy and matplotlib, or Python alone."""
    script_characters: int = Field(default=16_000, ge=100)

    @property
    def sampling(self) -> Sampling:
        """How tokens are drawn."""
        return Sampling(temperature=self.temperature, top_p=self.top_p, max_tokens=self.answer_tokens, stop=STOP)

    @property
    def prompt_characters(self) -> int:
        """Characters that the first prompt may have: two more turns and two answers are to fit after it."""
        return max(400, int((self.context_tokens - 2 * self.answer_tokens) * self.characters_per_token) - 2000)
