"""What training is made of: episodes, pairs of them, and the policies that come out."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from peercycle.core.base import JSON, Record, Word


class Segment(Word):
    """One completion of an episode under its own prompt."""

    prompt_ids: tuple[int, ...]
    completion_ids: tuple[int, ...] = Field(min_length=1)
    policy_mask: tuple[bool, ...]
    """True for each completion token that the policy sampled; the others carry no loss."""

    @model_validator(mode="after")
    def _mask_fits(self) -> Segment:
        if len(self.policy_mask) != len(self.completion_ids):
            raise ValueError(f"{len(self.policy_mask)} mask values for {len(self.completion_ids)} completion tokens")
        return self


class Episode(Record):
    """What the policy wrote on the way to one candidate: accepted tries only, in order."""

    id: str
    run_id: str
    candidate: str
    task_hash: str
    segments: tuple[Segment, ...] = Field(min_length=1)
    reward: float | None = None
    judge: float | None = None
    iteration: int = 0
    policy: str = ""
    tokenizer_hash: str | None = None
    template_hash: str | None = None
    retokenized: bool = False


class PreferencePair(Record):
    """Two episodes of one task, of which the first scored higher."""

    id: str
    task_hash: str
    chosen: Episode
    rejected: Episode
    margin: float = Field(gt=0)
    strategy: str
    split: Literal["train", "heldout"] = "train"
    multi_turn: bool = False


class PolicyCheckpoint(Record):
    """A trained policy: what stands beside its weights."""

    name: str
    policy: str
    """The policy plugin that drives it."""
    settings: dict[str, JSON] = {}
    base_model: str
    weights: str
    """Path of the weights, relative to this record's file."""
    weights_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    tokenizer_hash: str | None = None
    template_hash: str | None = None
    parent: str | None = None
    iteration: int = 0
    metrics: dict[str, float] = {}
    """Held-out metrics."""
