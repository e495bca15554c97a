"""Settings of the prompted policy, and what follows from them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from peercycle.core.base import Word
from peercycle.core.modelling import Sampling


class PromptedSettings(Word):
    """How the model is asked, and how much it may say."""

    temperature: float | None = Field(default=0.7, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    answer_tokens: int = Field(default=6000, ge=64)
    """Most tokens of one answer."""
    context_tokens: int = Field(default=32_000, ge=512)
    """Window of the model: prompt and answer together. Prompts are planned to fit into it."""
    characters_per_token: float = Field(default=3.0, gt=0)
    """How many characters a token holds, at the least that is likely; 1 for byte-like tokenizers."""
    section_characters: int = Field(default=8000, ge=40)
    """Most characters of a section."""
    text_characters: int = Field(default=800, ge=16)
    """Most characters of any shorter text: an abstract, an idea, an answer to a reviewer."""
    sections: int = Field(default=7, ge=2, le=20)
    """Most sections of an outline."""
    experiments: int = Field(default=3, ge=0, le=8)
    """Most experiments of one plan."""
    seeds: int = Field(default=3, ge=1, le=20)
    experiment_seconds: float = Field(default=120.0, gt=0)
    """Wall clock that one execution is given."""
    environment: Literal["scientific", "base"] = "scientific"
    """What programs find installed: Python with numpy and matplotlib, or Python alone."""
    script_characters: int = Field(default=12_000, ge=100)
    points: int = Field(default=24, ge=1)
    """Points that are answered in one revision; the others are declined, and told so."""

    @property
    def sampling(self) -> Sampling:
        """How tokens are drawn."""
        return Sampling(temperature=self.temperature, top_p=self.top_p, max_tokens=self.answer_tokens)

    @property
    def prompt_characters(self) -> int:
        """Characters that a prompt may have."""
        room = self.context_tokens - self.answer_tokens - 64
        return max(400, int(room * self.characters_per_token))
