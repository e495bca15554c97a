"""The trainer plugin `sft`: TRL's SFTTrainer on conversations, or on the episodes that did well."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peercycle.core.base import JSON
from peercycle.core.errors import BadInputError, UsageError
from peercycle.core.training import PolicyCheckpoint, PreferencePair
from peercycle.trainers.extras import require_train
from peercycle.trainers.intake import Hashes, check_hashes
from peercycle.trainers.placing import output_folder
from peercycle.trainers.resuming import CHECKPOINTS
from peercycle.trainers.with_trl.conversations import Row, rows_of_file, rows_of_pairs, within
from peercycle.trainers.with_trl.settings import SftSettings

OnMetric = Callable[[str, float, int], None]


@dataclass(frozen=True, slots=True)
class _Rows:
    rows: list[Row]
    dropped: Counter[str]
    hashes: Hashes


class Sft:
    """Maximum likelihood of what the policy is to write; tokens that it does not write carry no loss."""

    def __init__(self, settings: SftSettings | None = None) -> None:
        self._settings = settings or SftSettings()

    def train(
        self,
        pairs: Iterable[PreferencePair],
        base: str,
        out: Path,
        settings: Any = None,
        on_metric: OnMetric = lambda *_: None,
    ) -> PolicyCheckpoint:
        """Train on the winners of the pairs, on their episodes above a reward, or on a file of conversations.

        Raises `BadInputError` where nothing is left to train on, and what `simpo` raises.
        """
        require_train("torch", "transformers", "accelerate", "peft", "datasets", "trl")
        settings = settings if isinstance(settings, SftSettings) else self._settings
        with output_folder(out, base), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _train(_rows(pairs, base, settings), base, out, settings, on_metric)


def _rows(pairs: Iterable[PreferencePair], base: str, settings: SftSettings) -> _Rows:
    dropped: Counter[str] = Counter()
    hashes: Hashes = set()
    if settings.conversations is not None:
        from peercycle.trainers.model_folder import load_tokenizer

        tokenizer = load_tokenizer(base, needs_template=True)
        rows = within(rows_of_file(Path(settings.conversations), tokenizer), settings.max_tokens, dropped)
    else:
        found: list[Row] = []
        for row, episode in rows_of_pairs(pairs, settings.min_reward):
            hashes.add((episode.tokenizer_hash, episode.template_hash))
            found.append(row)
        rows = within(found, settings.max_tokens, dropped)
    if not rows:
        why = "; ".join(f"{count} {reason}" for reason, count in dropped.items()) or "no episode or conversation fits"
        raise BadInputError(f"there is nothing to train on ({why})")
    check_hashes(hashes, base, None, None)
    return _Rows(rows, dropped, hashes)


def _train(given: _Rows, base: str, out: Path, settings: SftSettings, on_metric: OnMetric) -> PolicyCheckpoint:
    from peercycle.trainers.arguments import quiet, without_printing
    from peercycle.trainers.exporting import write_work
    from peercycle.trainers.finishing import finish
    from peercycle.trainers.opening import open_model
    from peercycle.trainers.reporting import Relay, WholeJob
    from peercycle.trainers.resuming import checkpoint_to_resume, fingerprint_of, share_done

    quiet()
    opened = open_model(base, settings)
    vocabulary = opened.model.config.get_text_config().vocab_size
    largest = max(max(row["input_ids"]) for row in given.rows)
    if largest >= vocabulary:
        raise BadInputError(f"the sequences hold token id {largest}, and {base!r} has {vocabulary} tokens")
    batch = min(settings.batch_pairs, len(given.rows))
    steps = max(1, round(len(given.rows) * settings.epochs / batch))
    steps = min(steps, settings.max_steps or steps)
    folder = out / CHECKPOINTS
    trainer = _trainer(opened, given.rows, settings, folder, batch, steps)
    trainer.add_callback(WholeJob(on_metric))
    trainer.add_callback(Relay(on_metric))
    without_printing(trainer)
    began = time.monotonic()
    resume = checkpoint_to_resume(trainer, folder, settings, base, fingerprint_of(given.rows))
    trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
    tokens = round(sum(len(row["input_ids"]) for row in given.rows) * steps * batch / len(given.rows))
    write_work(out, time.monotonic() - began, tokens, share_done(resume, steps))
    account: dict[str, JSON] = {"steps": steps, "sequences": len(given.rows), "dropped": dict(given.dropped)}
    return finish(trainer, out, base, "sft", settings, {}, account, lora=opened.lora)


def _trainer(opened: Any, rows: list[Row], settings: SftSettings, folder: Path, batch: int, steps: int) -> Any:
    import trl
    from datasets import Dataset  # type: ignore[import-untyped]

    from peercycle.trainers.arguments import shared_options
    from peercycle.trainers.with_trl.stand_in import tokenizer_for

    options = shared_options(settings, folder, steps, autocast=opened.autocast)
    if batch % settings.at_once:
        raise UsageError(f"a step has {batch} sequences, which is no multiple of at_once = {settings.at_once}")
    named: Any = trl
    config = named.SFTConfig(
        **{**options, "num_train_epochs": 1, "per_device_train_batch_size": settings.at_once},
        gradient_accumulation_steps=batch // settings.at_once,
        max_length=None,
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        activation_checkpointing=settings.checkpointing,
        average_tokens_across_devices=True,
    )
    return named.SFTTrainer(
        model=opened.model,
        args=config,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer_for(opened.model),
    )
