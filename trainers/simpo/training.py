"""The trainer plugin `simpo`: from pairs and a base model to a policy with its record."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from peercycle.core.base import JSON
from peercycle.core.training import PolicyCheckpoint, PreferencePair
from peercycle.trainers.exporting import write_work
from peercycle.trainers.extras import require_train
from peercycle.trainers.intake import check_hashes, check_ids
from peercycle.trainers.placing import output_folder
from peercycle.trainers.resuming import CHECKPOINTS
from peercycle.trainers.simpo.settings import SimpoSettings

OnMetric = Callable[[str, float, int], None]


class Simpo:
    """Trains on the sampler's own token ids; see `peercycle.core.contracts.Trainer`."""

    def __init__(self, settings: SimpoSettings | None = None) -> None:
        self._settings = settings or SimpoSettings()

    def train(
        self,
        pairs: Iterable[PreferencePair],
        base: str,
        out: Path,
        settings: Any = None,
        on_metric: OnMetric = lambda *_: None,
    ) -> PolicyCheckpoint:
        """Train `base` on the pairs of split `train`, and evaluate on those held out.

        Goes on from the newest whole checkpoint below `out`, bit for bit. Raises `BadInputError` (no pairs, ids of
        another tokenizer), `UsageError` (a memory mode that cannot serve), `TrainingError` (a loss that is not
        finite), `StoreError` (the disk).
        """
        require_train()
        settings = settings if isinstance(settings, SimpoSettings) else self._settings
        from peercycle.trainers.simpo.batches import take_in

        store = take_in(pairs, settings.max_tokens)
        check_hashes(store.hashes, base, settings.tokenizer_hash, settings.template_hash)
        with output_folder(out, base), warnings.catch_warnings():
            # Notes of other libraries on each other; our own checks raise.
            warnings.simplefilter("ignore")
            return _train(store, base, out, settings, on_metric)


def _train(store: Any, base: str, out: Path, settings: SimpoSettings, on_metric: OnMetric) -> PolicyCheckpoint:
    from peercycle.trainers.arguments import quiet, training_arguments, without_printing
    from peercycle.trainers.finishing import finish
    from peercycle.trainers.opening import open_model
    from peercycle.trainers.reporting import WholeJob
    from peercycle.trainers.resuming import checkpoint_to_resume, share_done
    from peercycle.trainers.simpo import attention
    from peercycle.trainers.simpo.batches import steps_of
    from peercycle.trainers.simpo.evaluating import Evaluation
    from peercycle.trainers.simpo.modes import PACKED
    from peercycle.trainers.simpo.objective import Objective
    from peercycle.trainers.simpo.planning import pick_mode
    from peercycle.trainers.simpo.scoring import install
    from peercycle.trainers.simpo.trainer import PairTrainer, Plan

    quiet()
    opened = open_model(base, settings)
    check_ids(store, opened.model, base)
    steps = steps_of(store.train, settings.batch_pairs, settings.epochs, settings.seed, settings.max_steps)
    mode, why = pick_mode(settings, opened, steps)
    if mode in PACKED:
        attention.register()
        opened.model.set_attn_implementation(attention.ATTENTION)
    install(opened.model, settings.head_tile_mb)
    objective = Objective(settings.beta, settings.margin, settings.nll_lambda, settings.nll_reduction)
    evaluation = Evaluation(store.heldout, settings, base)
    trainer = PairTrainer(
        plan=Plan(steps, mode, objective),
        on_metric=on_metric,
        model=opened.model,
        args=training_arguments(settings, out / CHECKPOINTS, len(steps), autocast=opened.autocast),
        callbacks=[WholeJob(on_metric), evaluation],
    )
    evaluation.trainer = trainer
    without_printing(trainer)
    resume = checkpoint_to_resume(trainer, out / CHECKPOINTS, settings, base, store.fingerprint())
    began = time.monotonic()
    trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
    if trainer.args.should_save:
        tokens = sum(pair.winner.length + pair.loser.length for step in steps for pair in step)
        write_work(out, time.monotonic() - began, tokens, share_done(resume, len(steps)))
    account: dict[str, JSON] = {
        "dropped": dict(store.dropped),
        "heldout_pairs": len(store.heldout),
        "memory_mode": mode,
        "memory_mode_reason": why,
        "pairs": len(store.train),
        "pairs_iterations": sorted(store.iterations),
        "spread": f"{trainer.accelerator.distributed_type.value} x {trainer.args.world_size}",
        "steps": len(steps),
    }
    return finish(trainer, out, base, "simpo", settings, evaluation.metrics, account, lora=opened.lora)
