"""What transformers logs, handed to `on_metric`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from peercycle.core.errors import TrainingError

OF_THE_MACHINE = frozenset(
    {
        "tokens_per_s",
        "peak_gb",
        "train_runtime",
        "train_samples_per_second",
        "train_steps_per_second",
        "total_flos",
        "train_loss",
        "num_tokens",  # TRL's, since its process began; `work.json` has those of the whole training
    }
)
"""What differs from one machine, or one interruption, to the next: logged for trackers, and no metric of a training."""


def tell(on_metric: Callable[[str, float, int], None], logs: dict[str, Any], step: int) -> None:
    """Hand every finite number of a log on, by name: a checkpoint keeps no other order."""
    for name, value in sorted(logs.items()):
        if isinstance(value, int | float) and math.isfinite(value) and name not in OF_THE_MACHINE:
            on_metric(name, float(value), step)


class WholeJob(TrainerCallback):
    """Has a training that goes on from a checkpoint tell of all its steps, each once, as if it had never been killed."""

    def __init__(self, on_metric: Callable[[str, float, int], None]) -> None:
        self._on_metric = on_metric

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Tell what was logged before the checkpoint, which holds it."""
        for line in state.log_history:
            tell(self._on_metric, {name: value for name, value in line.items() if name != "step"}, int(line["step"]))

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Log before each checkpoint: of a step that is in it and in no log, nobody would hear."""
        if control.should_save:
            control.should_log = True


class Relay(TrainerCallback):
    """Hands logs on, and ends a training whose loss is not finite."""

    def __init__(self, on_metric: Callable[[str, float, int], None]) -> None:
        self._on_metric = on_metric

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Tell a log. Raises `TrainingError`."""
        logs = logs or {}
        for name in ("loss", "grad_norm"):
            value = logs.get(name)
            if isinstance(value, float) and not math.isfinite(value):
                raise TrainingError(
                    f"the {name} of step {state.global_step} is {value}; lower the learning rate, or look at the data"
                )
        tell(self._on_metric, logs, state.global_step)
