"""A loop whose folder was moved while it was stopped: what names a folder by its whole path is put right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from peercycle.core.runs import RunOptions
from peercycle.graphs.fingerprint import fingerprint
from peercycle.store.disk import disk_errors
from peercycle.store.record import read_record, replace_record
from peercycle.trainers.loop.manifest import write_json
from peercycle.trainers.loop.training import OUT
from peercycle.trainers.model_folder import ADAPTER_FILE

_BASE = "base_model_name_or_path"


def follow_run(path: Path, options: RunOptions, plugins: Any) -> None:
    """Have a run that was begun before a move find its weights and plugins where `options` name them.

    Only where its policy's weights are known by their hash, and are the same: others are another run's.
    """
    record = read_record(path)
    known = record.options
    if known.models == options.models or options.checkpoint is None or known.checkpoint != options.checkpoint:
        return
    places = {name: getattr(options, name) for name in ("models", "plugins", "runs_dir")}
    moved = known.model_copy(update=places)
    models = fingerprint(moved, record.task, plugins)["models"]
    changed = {"options": moved, "fingerprint": {**record.fingerprint, "models": models}}
    replace_record(path, record.model_copy(update=changed))


def follow_adapters(root: Path, policies: Path, before: str, base: str) -> None:
    """Have a loop's adapters lie on their base where it is now: the loop's own, once at `before`, or the registry's.

    One whose base is still there, or is nowhere to be found, is left as it is.
    """
    out = f"train/{OUT}/{ADAPTER_FILE}"
    for path in (*policies.glob(f"*/{ADAPTER_FILE}"), *root.glob(f"*/{out}"), *root.glob(f"*/*/{out}")):
        with disk_errors("read", path):
            config = json.loads(path.read_bytes())
        under = str(config.get(_BASE) or "")
        if not Path(under).is_absolute() or Path(under).is_dir():
            continue
        kept = policies / Path(under).name
        now = base if under == before else str(kept.resolve()) if kept.is_dir() else None
        if now is not None:
            write_json(path, {**config, _BASE: now})
