"""Going on with a killed training: from its newest whole checkpoint, and only with what it was begun with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from peercycle.core.base import JSON, canonical_json, sha256_hex
from peercycle.core.errors import UsageError
from peercycle.core.identity import weights_hash
from peercycle.store.disk import disk_errors, replace_file
from peercycle.trainers.simpo.settings import TrainingSettings

STATE_FILE = "trainer_state.json"
PLAN_FILE = "plan.json"
CHECKPOINTS = "checkpoints"
"""Where checkpoints and their plan lie, in a training's output folder."""
_FREE = {
    "save_every",
    "keep_checkpoints",
    "log_every",
    "eval_every",
    "report_to",
    "resume",
    "name",
    "head_tile_mb",
    "conversations",  # by what was read of it
}
"""Settings that may change between a training and its resumption."""


def checkpoint_to_resume(trainer: Any, folder: Path, settings: TrainingSettings, base: str, data: str) -> str | None:
    """Return what `checkpoint_of_plan` does, the first process looking and the others taking its word."""
    with trainer.args.main_process_first(local=False):
        if trainer.args.process_index == 0:
            return checkpoint_of_plan(folder, settings, base, data)
        newest = newest_checkpoint(folder)
        return None if newest is None else str(newest)


def checkpoint_of_plan(folder: Path, settings: TrainingSettings, base: str, data: str) -> str | None:
    """Return the checkpoint to go on from, or None for a beginning, whose plan is then written down.

    `data` is a hash of what is trained on; the base is known by that of its weights: both may be moved. Raises
    `UsageError` where the folder holds checkpoints of another plan.
    """
    known = weights_hash(Path(base)) if Path(base).is_dir() else None
    plan: dict[str, JSON] = {"base": known or base, "data": data, **settings.model_dump(mode="json", exclude=_FREE)}
    path = folder / PLAN_FILE
    with disk_errors("write", folder):
        if not settings.resume:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
    found = newest_checkpoint(folder)
    if found is None:
        replace_file(path, canonical_json(plan) + b"\n")
        return None
    try:
        begun = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        begun = {}
    names = sorted(name for name in {*begun, *plan} if begun.get(name) != plan.get(name))
    if names:
        raise UsageError(
            f"{str(folder)!r} holds checkpoints of a training with other {', '.join(names)}; give another output "
            "folder, or set resume = false to begin anew"
        )
    return str(found)


def share_done(checkpoint: str | None, steps: int) -> float:
    """Return which share of its steps a training has done that goes on from a checkpoint."""
    return 0.0 if checkpoint is None else int(Path(checkpoint).name.partition("-")[2]) / max(steps, 1)


def newest_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint that was written whole; remove those that were not.

    The state is the last of a checkpoint's files: where it can be read, the others are there.
    """
    whole: list[tuple[int, Path]] = []
    for path in folder.glob("checkpoint-*"):
        number = path.name.partition("-")[2]
        try:
            step = json.loads((path / STATE_FILE).read_text(encoding="utf-8"))["global_step"]
            if str(step) != number:
                raise ValueError(f"its state is of step {step}")
            for weights in path.glob("*.safetensors"):
                _require_whole(weights)
        except (OSError, ValueError, KeyError, TypeError):
            shutil.rmtree(path, ignore_errors=True)
            continue
        whole.append((int(number), path))
    return max(whole)[1] if whole else None


def _require_whole(weights: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        # Its header says how long it is, which is held against the file.
        with safe_open(weights, "pt"):
            return
    except SafetensorError as error:
        raise ValueError(f"{weights.name} is damaged") from error


def fingerprint_of(rows: Any) -> str:
    """Return a hash of data that is JSON."""
    return sha256_hex(canonical_json(rows))
