"""TRL's CPO trainer on the sampler's token ids: the one file that knows it.

TRL marks it experimental: it may change or go in any release. It holds the logits of prompt and completion of both
episodes at once, 14 bytes per token and word of the vocabulary; for long sequences there is `simpo`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peercycle.core.errors import UsageError
from peercycle.trainers.arguments import shared_options
from peercycle.trainers.simpo.batches import EpisodeIds, PairIds
from peercycle.trainers.simpo.settings import SimpoSettings
from peercycle.trainers.with_trl.stand_in import tokenizer_for

IGNORED = -100


def cpo_trainer(
    model: Any, steps: Sequence[Sequence[PairIds]], settings: SimpoSettings, folder: Path, *, autocast: bool = False
) -> Any:
    """Return TRL's trainer over the pairs of the steps, in their order, under our settings.

    Raises `UsageError` where this TRL has no such trainer.
    """
    config_of, trainer_of = _classes()
    from datasets import Dataset, disable_progress_bars  # type: ignore[import-untyped]

    disable_progress_bars()
    pairs = [pair for step in steps for pair in step]
    options = shared_options(settings, folder, len(steps), autocast=autocast)
    config = config_of(
        **{**options, "bf16": autocast, "gradient_accumulation_steps": len(steps[0])},
        loss_type="simpo",
        beta=settings.beta,
        simpo_gamma=settings.margin,
        cpo_alpha=settings.nll_lambda,
        max_length=max(segment.length for p in pairs for e in (p.winner, p.loser) for segment in e.segments),
        activation_checkpointing=settings.checkpointing,
    )

    class OnIds(trainer_of):  # type: ignore[misc, valid-type]
        """Takes ids as they are, in the order that they come in."""

        def tokenize_row(self, feature: Any, model: Any = None) -> Any:
            return feature["ids"]

        def _get_train_sampler(self, *args: Any, **kwargs: Any) -> Any:
            from torch.utils.data import SequentialSampler

            return SequentialSampler(self.train_dataset)

    rows = [{"prompt": "", "chosen": "", "rejected": "", "ids": _ids(pair)} for pair in pairs]
    return OnIds(
        model=model, args=config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer_for(model)
    )


def loss_of(trainer: Any, pairs: Sequence[PairIds]) -> Any:
    """Return TRL's loss of some pairs in one batch, with its graph."""
    batch = trainer.data_collator([_ids(pair) for pair in pairs])
    loss, _ = trainer.get_batch_loss_metrics(trainer.model, batch)
    return loss


def _classes() -> tuple[Any, Any]:
    try:
        with warnings.catch_warnings():
            # It says at import that it is experimental, as does the head of this file.
            warnings.simplefilter("ignore")
            from trl.experimental.cpo import CPOConfig, CPOTrainer
    except ImportError as error:
        raise UsageError(f"this TRL has no CPO trainer ({error}); use the trainer 'simpo', or trl>=1.16,<2") from None
    return CPOConfig, CPOTrainer


def _ids(pair: PairIds) -> dict[str, list[int]]:
    return {
        "prompt_input_ids": pair.winner.segments[0].prompt.tolist(),
        "prompt_attention_mask": [1] * len(pair.winner.segments[0].prompt),
        **_side("chosen", pair.winner),
        **_side("rejected", pair.loser),
    }


def _side(name: str, episode: EpisodeIds) -> dict[str, list[int]]:
    (segment,) = episode.segments
    prompt, completion = segment.prompt.tolist(), segment.completion.tolist()
    return {
        f"{name}_input_ids": prompt + completion,
        f"{name}_attention_mask": [1] * segment.length,
        f"{name}_labels": [IGNORED] * len(prompt) + completion,
    }
