"""Settings of the trainer `simpo`, light enough to be read without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue, model_validator

from peercycle.core.base import Word

NllReduction = Literal["sum", "sequence_mean", "token_mean"]
MemoryMode = Literal["auto", "pair", "shared", "split", "group"]


class TrainingSettings(Word):
    """What every trainer of ours is told; a step is one update of the weights."""

    name: str = "policy"
    """Name of the policy that comes out."""
    policy: str = "prompted"
    """The policy plugin that drives it."""
    policy_settings: dict[str, JsonValue] = {}
    iteration: int = Field(default=0, ge=0)
    parent: str | None = None

    learning_rate: float = Field(default=5e-7, gt=0)
    """1e-5 gives incoherent or repeating text with SimPO; its authors search 3e-7 to 1e-6. LoRA takes more."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Share of the steps."""
    epochs: float = Field(default=1.0, gt=0)
    max_steps: int | None = Field(default=None, ge=1)
    batch_pairs: int = Field(default=128, ge=1)
    """Pairs to a step, over all processes (conversations or episodes, for `sft`)."""
    max_grad_norm: float = Field(default=1.0, ge=0)
    """0 clips nothing."""
    weight_decay: float = Field(default=0.0, ge=0)
    optimizer: str = "adamw_torch"
    """As transformers names them."""
    seed: int = 0

    method: Literal["lora", "full"] = "lora"
    lora_rank: int = Field(default=16, ge=1)
    lora_alpha: float = Field(default=32, gt=0)
    lora_targets: tuple[str, ...] = ("all-linear",)
    merge: bool = False
    """Write whole weights instead of the adapter."""
    dtype: Literal["auto", "float32", "bfloat16", "float64"] = "auto"
    """`auto` is bfloat16 on a GPU and float32 elsewhere; full training keeps float32 masters of bfloat16."""
    checkpointing: bool = True
    """Recompute activations in the backward pass, a layer at a time."""
    offload: bool = False
    """With `checkpointing`: keep what is kept in the host's memory. Slower, and room for longer sequences."""

    save_every: int | None = Field(default=None, ge=1)
    """Steps between checkpoints to resume from."""
    keep_checkpoints: int = Field(default=2, ge=1)
    resume: bool = True
    """Go on from the newest whole checkpoint in the output folder; False begins anew."""
    log_every: int = Field(default=1, ge=1)
    eval_every: int | None = Field(default=None, ge=1)
    """Steps between evaluations on held-out pairs; there is one at the start and one at the end in any case."""
    report_to: tuple[str, ...] = ()
    """Trackers that transformers knows: `wandb`, `tensorboard`, `mlflow`, …; their packages must be installed."""


class SimpoSettings(TrainingSettings):
    """The objective; defaults are SimPO's own. Those of the published research system were never published."""

    beta: float = Field(default=2.5, gt=0)
    gamma: float | None = Field(default=None, ge=0)
    """Target margin inside the sigmoid: -log sigmoid(beta * difference - gamma). TRL's `simpo_gamma`."""
    gamma_beta_ratio: float | None = Field(default=None, ge=0)
    """SimPO's own parameter: gamma = beta * ratio. 0.5 where neither is given."""
    nll_lambda: float = Field(default=0.1, ge=0)
    """Weight of the winner's NLL; SimPO itself has none (0)."""
    nll_reduction: NllReduction = "sequence_mean"
    """`sum` is the equation as printed: over 28,000 tokens it weighs 28,000 times what `sequence_mean` does."""

    memory_mode: MemoryMode = "auto"
    head_tile_mb: int | None = Field(default=None, ge=1)
    """Room for one tile of logits in the head, in float32; by default 64, and 512 on a GPU, which large tiles suit."""
    max_tokens: int | None = Field(default=None, ge=2)
    """A pair with a longer prompt and completion is dropped and counted, never cut."""
    tokenizer_hash: str | None = None
    """What the pairs' ids must have been made with; by default the hash of the base model's own tokenizer."""
    template_hash: str | None = None
    probe_prompts: int = Field(default=4, ge=0)
    """Prompts that are answered at each evaluation, to see a collapse; 0 answers none."""
    probe_tokens: int = Field(default=128, ge=1)

    @model_validator(mode="after")
    def _one_gamma(self) -> SimpoSettings:
        if self.gamma is not None and self.gamma_beta_ratio is not None:
            raise ValueError("give gamma or gamma_beta_ratio, not both: gamma is beta * gamma_beta_ratio")
        return self

    @property
    def margin(self) -> float:
        """Gamma, however it was given."""
        if self.gamma is not None:
            return self.gamma
        return self.beta * (0.5 if self.gamma_beta_ratio is None else self.gamma_beta_ratio)
