"""Settings of the trainers on TRL, light enough to be read without it."""

from __future__ import annotations

from pydantic import Field

from peercycle.trainers.simpo.settings import SimpoSettings, TrainingSettings


class SftSettings(TrainingSettings):
    """Supervised fine-tuning: the warm-up, or expert iteration on the winners."""

    learning_rate: float = Field(default=1e-5, gt=0)
    batch_pairs: int = Field(default=16, ge=1)
    """Conversations, or segments of episodes, to a step."""
    at_once: int = Field(default=1, ge=1)
    """Sequences to a forward pass, padded to the longest: more are faster where they are short. A step's number of
    sequences must be a multiple of it."""
    conversations: str | None = None
    """JSON lines, each `{"messages": [{"role": …, "content": …}, …]}`; the pairs are then left alone."""
    min_reward: float | None = None
    """Train on every episode of the pairs with at least this reward, instead of on the winners."""
    max_tokens: int | None = Field(default=None, ge=2)
    """Longer sequences are dropped and counted, never cut."""


class TrlCpoSettings(SimpoSettings):
    """The settings of `simpo`, for TRL's CPO trainer: short single-turn sequences, one pair at a time."""
