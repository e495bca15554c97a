"""The trainer plugin `simpo`: from pairs and a base model to a policy with its record."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from peercycle.core.base import JSON
from peercycle.core.errors import BadInputError
from peercycle.core.training import PolicyCheckpoint, PreferencePair
from peercycle.store.disk import disk_errors
from peercycle.trainers.exporting import account_of, seal, write_work
from peercycle.trainers.extras import require_train
from peercycle.trainers.model_folder import hashes_of
from peercycle.trainers.simpo.settings import SimpoSettings

OnMetric = Callable[[str, float, int], None]
CHECKPOINTS = "checkpoints"


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
        _check_hashes(store.hashes, base, settings)
        with warnings.catch_warnings():
            # Notes of other libraries on each other; our own checks raise.
            warnings.simplefilter("ignore")
            return _train(store, base, out, settings, on_metric)


def _check_hashes(found: set[tuple[str | None, str | None]], base: str, settings: SimpoSettings) -> None:
    known = {each for each in found if each != (None, None)}
    if len(known) > 1:
        raise BadInputError(
            f"the pairs were sampled with {len(known)} tokenizers or templates; train on one at a time"
        )
    own = hashes_of(base)
    for name, of_pairs, of_base, given in (
        ("tokenizer", {each[0] for each in found}, own[0], settings.tokenizer_hash),
        ("chat template", {each[1] for each in found}, own[1], settings.template_hash),
    ):
        wanted = given or of_base
        other = next((each for each in sorted(of_pairs - {None, wanted}, key=str)), None)
        if wanted is not None and other is not None:
            raise BadInputError(
                f"the pairs were sampled with the {name} {other[:12]}, and {base!r} has {wanted[:12]}; train the model "
                "that sampled them, or make the pairs again with --retokenize"
            )


def _train(store: Any, base: str, out: Path, settings: SimpoSettings, on_metric: OnMetric) -> PolicyCheckpoint:
    from peercycle.trainers.arguments import quiet, training_arguments, without_printing
    from peercycle.trainers.opening import open_model
    from peercycle.trainers.simpo import attention
    from peercycle.trainers.simpo.batches import steps_of
    from peercycle.trainers.simpo.evaluating import Evaluation
    from peercycle.trainers.simpo.modes import PACKED
    from peercycle.trainers.simpo.objective import Objective
    from peercycle.trainers.simpo.planning import pick_mode
    from peercycle.trainers.simpo.scoring import install
    from peercycle.trainers.simpo.trainer import PairTrainer, Plan, newest_checkpoint

    quiet()
    with disk_errors("write", out):
        out.mkdir(parents=True, exist_ok=True)
    opened = open_model(base, settings)
    _check_ids(store, opened.model, base)
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
        callbacks=[evaluation],
    )
    evaluation.trainer = trainer
    without_printing(trainer)
    resume = newest_checkpoint(out / CHECKPOINTS) if settings.resume else None
    began = time.monotonic()
    trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
    if trainer.args.should_save:
        write_work(out, time.monotonic() - began, trainer.tokens)
    account = account_of(
        memory_mode=mode,
        memory_mode_reason=why,
        steps=len(steps),
        pairs=len(store.train),
        heldout_pairs=len(store.heldout),
        dropped=dict(store.dropped),
        pairs_iterations=sorted(store.iterations),
        versions=_versions(),
    )
    return _finish(trainer, out, base, settings, evaluation.metrics, account, opened.lora)


def _finish(
    trainer: Any,
    out: Path,
    base: str,
    settings: SimpoSettings,
    metrics: dict[str, float],
    account: dict[str, JSON],
    lora: bool,
) -> PolicyCheckpoint:
    with disk_errors("write the weights to", out):
        if lora and settings.merge:
            trainer.model = trainer.accelerator.unwrap_model(trainer.model).merge_and_unload()
        trainer.save_model(str(out))
        # Trainer's own pickle of its arguments: nobody needs it, and pickles are not to be trusted.
        (out / "training_args.bin").unlink(missing_ok=True)
    trainer.accelerator.wait_for_everyone()
    if not trainer.args.should_save:
        return PolicyCheckpoint.model_validate_json(_wait_for_record(trainer, out))
    record = seal(out, base, "simpo", settings, metrics, account)
    trainer.accelerator.wait_for_everyone()
    return record


def _wait_for_record(trainer: Any, out: Path) -> bytes:
    from peercycle.trainers.exporting import POLICY_FILE

    trainer.accelerator.wait_for_everyone()
    return (out / POLICY_FILE).read_bytes()


def _check_ids(store: Any, model: Any, base: str) -> None:
    from peercycle.trainers.simpo.scoring import text_config

    config = text_config(model)
    largest = store.largest_id()
    if largest >= config.vocab_size:
        raise BadInputError(
            f"the pairs hold token id {largest}, and {base!r} has {config.vocab_size} tokens; train the model that "
            "sampled them"
        )
    first = getattr(config, "bos_token_id", None)
    if first is None:
        return
    for pair in (*store.train, *store.heldout):
        prompt = pair.winner.segments[0].prompt
        if len(prompt) > 1 and int(prompt[0]) == first and int(prompt[1]) == first:
            raise BadInputError(
                f"the prompt of pair {pair.id!r} begins with two begin tokens; the template writes its own"
            )


def _versions() -> dict[str, JSON]:
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "transformers", "accelerate", "peft")}
