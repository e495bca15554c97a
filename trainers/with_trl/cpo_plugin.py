"""The trainer plugin `trl-cpo`: our settings, TRL's trainer."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from peercycle.core.base import JSON
from peercycle.core.errors import BadInputError, UsageError
from peercycle.core.training import PolicyCheckpoint, PreferencePair
from peercycle.trainers.extras import require_train
from peercycle.trainers.placing import output_folder
from peercycle.trainers.resuming import CHECKPOINTS
from peercycle.trainers.with_trl.settings import TrlCpoSettings

OnMetric = Callable[[str, float, int], None]


class TrlCpo:
    """Trains short single-turn pairs with TRL's CPO trainer: an alternative, and an oracle for `simpo`."""

    def __init__(self, settings: TrlCpoSettings | None = None) -> None:
        self._settings = settings or TrlCpoSettings()

    def train(
        self,
        pairs: Iterable[PreferencePair],
        base: str,
        out: Path,
        settings: Any = None,
        on_metric: OnMetric = lambda *_: None,
    ) -> PolicyCheckpoint:
        """Train on the pairs of split `train`.

        Raises `BadInputError` for a pair with turns that the policy did not write, `UsageError` for a setting that
        TRL has no word for, and what `simpo` raises.
        """
        require_train("torch", "transformers", "accelerate", "peft", "datasets", "trl")
        settings = settings if isinstance(settings, TrlCpoSettings) else self._settings
        _check(settings)
        from peercycle.trainers.simpo.batches import take_in

        store = take_in(_single_turns(pairs), settings.max_tokens)
        with output_folder(out, base), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _train(store, base, out, settings, on_metric)


def _check(settings: TrlCpoSettings) -> None:
    if settings.nll_lambda and settings.nll_reduction != "sequence_mean":
        raise UsageError(
            f"trl-cpo knows no nll_reduction {settings.nll_reduction!r}: TRL averages over the tokens of the pairs in "
            "memory, which are one at a time here; set sequence_mean, or use simpo"
        )
    if settings.memory_mode not in ("auto", "pair"):
        raise UsageError(
            f"trl-cpo has no memory_mode {settings.memory_mode!r}: it holds both episodes whole; use simpo"
        )


def _single_turns(pairs: Iterable[PreferencePair]) -> Iterator[PreferencePair]:
    for pair in pairs:
        plain = all(len(e.segments) == 1 and all(e.segments[0].policy_mask) for e in (pair.chosen, pair.rejected))
        if pair.multi_turn or not plain:
            raise BadInputError(
                f"pair {pair.id!r} has turns that the policy did not write, and TRL's CPO trainer would train on them; "
                "use the trainer 'simpo', or leave multi_turn pairs out"
            )
        yield pair


def _train(store: Any, base: str, out: Path, settings: TrlCpoSettings, on_metric: OnMetric) -> PolicyCheckpoint:
    from peercycle.trainers.arguments import quiet, without_printing
    from peercycle.trainers.exporting import write_work
    from peercycle.trainers.finishing import finish
    from peercycle.trainers.intake import check_hashes, check_ids
    from peercycle.trainers.opening import open_model
    from peercycle.trainers.reporting import Relay, WholeJob
    from peercycle.trainers.resuming import checkpoint_to_resume, share_done
    from peercycle.trainers.simpo.batches import steps_of
    from peercycle.trainers.with_trl.cpo import cpo_trainer

    quiet()
    check_hashes(store.hashes, base, settings.tokenizer_hash, settings.template_hash)
    opened = open_model(base, settings)
    check_ids(store, opened.model, base)
    steps = steps_of(store.train, min(settings.batch_pairs, len(store.train)), settings.epochs, settings.seed)
    steps = steps[: settings.max_steps]
    folder = out / CHECKPOINTS
    trainer = cpo_trainer(opened.model, steps, settings, folder, autocast=opened.autocast)
    trainer.add_callback(WholeJob(on_metric))
    trainer.add_callback(Relay(on_metric))
    without_printing(trainer)
    began = time.monotonic()
    resume = checkpoint_to_resume(trainer, folder, settings, base, store.fingerprint())
    trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
    tokens = sum(pair.winner.length + pair.loser.length for step in steps for pair in step)
    write_work(out, time.monotonic() - began, tokens, share_done(resume, len(steps)))
    account: dict[str, JSON] = {"steps": len(steps), "pairs": len(store.train), "dropped": dict(store.dropped)}
    return finish(trainer, out, base, "trl-cpo", settings, {}, account, lora=opened.lora)
