"""Our settings as the arguments of transformers' Trainer, the same for every trainer of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peercycle.core.errors import UsageError
from peercycle.trainers.simpo.settings import TrainingSettings


def training_arguments(settings: TrainingSettings, folder: Path, steps: int, *, autocast: bool) -> Any:
    """Return `TrainingArguments` for one pass over `steps` steps, the dataset's order being the training's."""
    from transformers import TrainingArguments

    try:
        made: Any = TrainingArguments(**shared_options(settings, folder, steps, autocast=autocast))
    except (ValueError, ImportError, RuntimeError) as error:
        raise UsageError(f"transformers refuses these settings: {' '.join(str(error).split())[:300]}") from None
    if made.n_gpu > 1:
        # One process that sees several GPUs would split our rows among them; several processes are for the launcher.
        made._n_gpu = 1
    return made


def shared_options(settings: TrainingSettings, folder: Path, steps: int, *, autocast: bool) -> dict[str, Any]:
    """Return the options that every trainer of ours takes."""
    import torch

    _check_trackers(settings.report_to)
    saving: dict[str, Any] = {"save_strategy": "no"}
    if settings.save_every is not None:
        saving = {
            "save_strategy": "steps",
            "save_steps": settings.save_every,
            "save_total_limit": settings.keep_checkpoints,
        }
    return {
        "output_dir": str(folder),
        "per_device_train_batch_size": 1,
        "num_train_epochs": 1,
        "max_steps": steps,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": settings.schedule,
        "warmup_steps": round(settings.warmup * steps),
        "max_grad_norm": settings.max_grad_norm,
        "weight_decay": settings.weight_decay,
        "optim": settings.optimizer,
        "seed": settings.seed,
        "data_seed": settings.seed,
        "logging_steps": settings.log_every,
        "logging_nan_inf_filter": False,
        "report_to": list(settings.report_to) or "none",
        "bf16": autocast,
        "use_cpu": not torch.cuda.is_available(),
        "remove_unused_columns": False,
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        **saving,
    }


def _check_trackers(names: tuple[str, ...]) -> None:
    from transformers.integrations import integration_utils

    ask: Any = integration_utils.get_available_reporting_integrations  # type: ignore[attr-defined, unused-ignore]
    for name in set(names) - {"none"}:
        if name not in ask():
            raise UsageError(
                f"report_to {name!r}: transformers knows no such tracker here; is its package installed?"
            )


def quiet() -> None:
    """Keep other libraries from printing into ours (their progress goes to `on_metric`), and from telling on us.

    TRL reports each trainer's construction to a server; nothing of a training leaves this machine.
    """
    from huggingface_hub import constants
    from transformers.utils import logging

    constants.HF_HUB_DISABLE_TELEMETRY = True
    said: Any = logging
    said.set_verbosity_error()
    said.disable_progress_bar()


def without_printing(trainer: Any) -> None:
    """Take out what prints each log to standard output."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
