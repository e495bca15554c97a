"""The end of a training: weights written by one process, the record by the same one, the others waiting."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peercycle.core.base import JSON
from peercycle.core.training import PolicyCheckpoint
from peercycle.store.disk import disk_errors
from peercycle.trainers.exporting import POLICY_FILE, seal
from peercycle.trainers.simpo.settings import TrainingSettings


def finish(
    trainer: Any,
    out: Path,
    base: str,
    name: str,
    settings: TrainingSettings,
    metrics: Mapping[str, float],
    account: Mapping[str, JSON],
    *,
    lora: bool,
) -> PolicyCheckpoint:
    """Write weights, card and record, and return the record."""
    with disk_errors("write the weights to", out):
        if lora and settings.merge:
            trainer.model = trainer.accelerator.unwrap_model(trainer.model).merge_and_unload()
        # The tokenizer's files are copied as they are: written anew, they would have another hash.
        trainer.processing_class = None
        if trainer.is_fsdp_enabled:
            trainer._save(str(out), state_dict=_gathered(trainer))
        else:
            trainer.save_model(str(out))
    trainer.accelerator.wait_for_everyone()
    if trainer.args.should_save:
        # Trainer's own pickle of its arguments: nobody needs it, and pickles are not to be trusted.
        (out / "training_args.bin").unlink(missing_ok=True)
        seal(out, base, name, settings, metrics, {**account, "versions": _versions()})
    trainer.accelerator.wait_for_everyone()
    return PolicyCheckpoint.model_validate_json((out / POLICY_FILE).read_bytes())


def _gathered(trainer: Any) -> dict[str, Any]:
    """Return the whole weights in the first process, gathered a matrix at a time; every process must call this."""
    kept: dict[str, Any] = {}
    for name, value in trainer.model.state_dict().items():
        whole = value.full_tensor() if hasattr(value, "full_tensor") else value
        # Gathering returns before it has happened.
        whole = whole.wait() if hasattr(whole, "wait") else whole
        if trainer.args.should_save:
            kept[name] = whole.detach().cpu()
    return kept


def _versions() -> dict[str, JSON]:
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "transformers", "accelerate", "peft")}
