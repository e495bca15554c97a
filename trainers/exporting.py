"""What stands in the output folder: safetensors, tokenizer, model card, and the record of the policy."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from peercycle import __version__
from peercycle.core.base import JSON, canonical_json
from peercycle.core.errors import StoreError
from peercycle.core.training import PolicyCheckpoint
from peercycle.store.disk import disk_errors, replace_file
from peercycle.trainers.model_folder import folder_of, hashes_of
from peercycle.trainers.simpo.settings import TrainingSettings

POLICY_FILE = "policy.json"
"""Where a `PolicyCheckpoint` stands beside its weights."""
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "tekken.json",
    "spiece.model",
    "sentencepiece.bpe.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
)
WORK_FILE = "work.json"
"""What a training took on this machine: no part of the policy."""
_WEIGHTS = ("model.safetensors", "adapter_model.safetensors", "model.safetensors.index.json")


def copy_tokenizer(base: str, out: Path) -> None:
    """Copy the tokenizer's files as they are, so that its hash stays what it was."""
    source = folder_of(base)
    with disk_errors("write", out):
        for name in TOKENIZER_FILES:
            if (source / name).is_file() and (source / name).resolve() != (out / name).resolve():
                shutil.copyfile(source / name, out / name)


def seal(
    out: Path,
    base: str,
    trainer: str,
    settings: TrainingSettings,
    metrics: Mapping[str, float],
    account: Mapping[str, JSON],
) -> PolicyCheckpoint:
    """Write model card and record for the weights in `out`, and return the record. The record is written last."""
    weights = _weights_of(out)
    copy_tokenizer(base, out)
    tokenizer_hash, template_hash = hashes_of(base)
    extra: dict[str, JSON] = {"trainer": trainer, "settings": settings.model_dump(mode="json"), **account}
    if weights.name.endswith(".index.json"):
        extra["shards"] = {path.name: _digest(path) for path in sorted(out.glob("model-*.safetensors"))}
    record = PolicyCheckpoint(
        name=settings.name,
        policy=settings.policy,
        settings=settings.policy_settings,
        base_model=base,
        weights=weights.name,
        weights_sha256=_digest(weights),
        tokenizer_hash=tokenizer_hash,
        template_hash=template_hash,
        parent=settings.parent,
        iteration=settings.iteration,
        metrics=dict(sorted(metrics.items())),
        extra={"training": extra},
    )
    replace_file(out / "README.md", _card(record, trainer, settings).encode())
    replace_file(out / POLICY_FILE, record.model_dump_json(indent=1).encode() + b"\n")
    return record


def write_work(out: Path, seconds: float, tokens: int, before: float = 0.0) -> None:
    """Write what a training took: tokens of all that was trained on, seconds of its last try, the most memory held.

    `before` is the share of its steps that an earlier try had done, which is no part of the speed.
    """
    from peercycle.trainers.simpo.metrics import peak_gb

    speed = tokens * (1 - before) / max(seconds, 1e-9)
    work = {"seconds": round(seconds, 3), "tokens": tokens, "tokens_per_s": round(speed, 1)}
    replace_file(out / WORK_FILE, canonical_json({**work, "peak_gb": round(peak_gb(), 3)}) + b"\n")


def _weights_of(out: Path) -> Path:
    found = next((out / name for name in _WEIGHTS if (out / name).is_file()), None)
    if found is None:
        raise StoreError(f"{str(out)!r} holds no safetensors after the training; what was saved before is kept")
    return found


def _digest(path: Path) -> str:
    with disk_errors("read", path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _card(record: PolicyCheckpoint, trainer: str, settings: TrainingSettings) -> str:
    library = "peft" if record.weights.startswith("adapter") else "transformers"
    measured = "\n".join(f"| {name} | {value:.6g} |" for name, value in record.metrics.items())
    table = f"\n## Held-out metrics\n\n| metric | value |\n|---|---|\n{measured}\n" if measured else ""
    return f"""---
library_name: {library}
tags: [{trainer}, peercycle, machine-generated]
---

# {record.name}

A policy of peercycle {__version__}, trained by machine on preferences of an automatic reward, on top of
`{record.base_model}` with the trainer `{trainer}`, iteration {record.iteration}.
No person ranked any of its training texts. Papers that it writes must say that a machine wrote them.
{table}
## Settings

```json
{canonical_json(settings).decode()}
```
"""
