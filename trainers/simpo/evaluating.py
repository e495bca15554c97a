"""Evaluation on held-out pairs, and the sentinels: at the start, every so many steps, and at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from peercycle.trainers.simpo.batches import PairIds
from peercycle.trainers.simpo.probing import probe
from peercycle.trainers.simpo.settings import SimpoSettings

CHANGES = ("logp_chosen", "logp_rejected")
"""What is also told as its change since the training's start."""

PREFIXES = ("heldout_", "first_", "probe_")


class Evaluation(TrainerCallback):
    """Measures and keeps the latest numbers in `metrics`. Where no pair is held out, the first training pairs serve."""

    trainer: Any

    def __init__(self, heldout: Sequence[PairIds], settings: SimpoSettings, base: str) -> None:
        self.metrics: dict[str, float] = {}
        self._heldout = heldout
        self._settings = settings
        self._base = base
        self._start: dict[str, float] = {}
        self._tokenizer: Any = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Measure where the training starts from; a resumed one keeps what its first start measured."""
        self._tokenizer = _tokenizer_of(self._base)
        self._start = {
            entry: value
            for line in state.log_history
            if line.get("step") == 0
            for entry, value in line.items()
            if isinstance(value, float)
        }
        if state.global_step >= state.max_steps:
            # Killed after its last step: what it measured then is in the checkpoint's history.
            last = [line for line in state.log_history if line.get("step") == state.global_step]
            self.metrics = {name: value for line in last for name, value in line.items() if name.startswith(PREFIXES)}
        elif not self._start:
            self._start = self._measure(kwargs["model"])
            self.trainer.log(dict(self._start))

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Measure every `eval_every` steps, and after the last."""
        every = self._settings.eval_every
        if state.global_step == state.max_steps or (every is not None and state.global_step % every == 0):
            now = self._measure(kwargs["model"])
            changes = {
                f"{name}_change": now[name] - self._start[name]
                for name in now
                if name.endswith(CHANGES) and name in self._start
            }
            self.metrics = {**now, **changes}
            # Told with the step's own log: one of its own, here, would take that one's place.
            self.trainer.pending = dict(self.metrics)
            control.should_log = True

    def _measure(self, model: Any) -> dict[str, float]:
        pairs = self._heldout
        if pairs:
            found = {f"heldout_{name}": value for name, value in self.trainer.measure(model, pairs).items()}
        else:
            pairs = [pair for step in self.trainer.plan.steps[:1] for pair in step]
            means = self.trainer.measure(model, pairs[:8])
            found = {f"first_{name}": means[name] for name in ("logp_chosen", "logp_rejected", "accuracy")}
        if self._settings.probe_prompts and self.trainer.args.world_size == 1:
            found |= probe(
                model,
                pairs,
                prompts=self._settings.probe_prompts,
                tokens=self._settings.probe_tokens,
                tokenizer=self._tokenizer,
            )
        return found


def _tokenizer_of(base: str) -> Any:
    from peercycle.core.errors import UsageError
    from peercycle.trainers.model_folder import hashes_of, load_tokenizer

    if hashes_of(base)[0] is None:
        return None
    try:
        return load_tokenizer(base)
    except UsageError:
        return None
