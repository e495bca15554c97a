"""What a loop begins with: its inputs' hashes, the options of its runs, its first policy's weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from peercycle.core.base import JSON
from peercycle.core.errors import SettingsError, UnknownNameError
from peercycle.core.identity import weights_hash
from peercycle.core.runs import RunOptions
from peercycle.graphs.trained import ROLE
from peercycle.store.policies import StoredPolicy, file_sha256, find_policy
from peercycle.trainers.faults import fault_line
from peercycle.trainers.loop.settings import LoopSettings

DEFAULTS: Mapping[str, JSON] = {"rounds": 0, "exporters": [], "experiments": "off", "sandbox": "none"}
"""What a rollout does where `[run]` does not say: nothing is published, and the first version is what was sampled."""


def inputs_of(settings: LoopSettings, policies: Path, versions: Mapping[str, str]) -> dict[str, str]:
    """Return the hashes of what a loop is begun with. Raises where a file is missing."""
    inputs = {"tasks": _hash(settings.tasks.file, "tasks.file"), "base": _base(settings.start.base, policies)}
    if settings.warmup is not None:
        inputs["demonstrations"] = _hash(settings.warmup.demonstrations, "warmup.demonstrations")
    inputs |= {f"plugin file {number}": _hash(path, "plugins") for number, path in enumerate(settings.plugins)}
    return inputs | {f"plugin {name}": version for name, version in sorted(versions.items())}


def _hash(path: str, key: str) -> str:
    if not Path(path).is_file():
        raise SettingsError(f"{key}: there is no file {path!r}")
    return file_sha256(Path(path))


def _base(base: str, policies: Path) -> str:
    if not Path(base).is_dir() and (Path(base).is_absolute() or base.startswith(".")):
        raise SettingsError(f"start.base: there is no folder {base!r}")
    return base_identity(base, policies)


def stored_base(base: str, policies: Path) -> StoredPolicy | None:
    """Return the trained policy that a loop starts from, where its base is the name of one."""
    if Path(base).is_dir():
        return None
    try:
        return find_policy(policies, base)
    except UnknownNameError:
        return None


def base_identity(base: str, policies: Path) -> str:
    """Return what tells one base from another: the hash of its weights, or its name on the hub."""
    stored = stored_base(base, policies)
    folder = stored.model if stored is not None else Path(base)
    return (weights_hash(folder) if folder.is_dir() else None) or base


def run_options(settings: LoopSettings, model: str) -> RunOptions:
    """Return the options of every rollout with one policy. Raises `SettingsError` naming the field of `[run]`."""
    start, engine = settings.start, settings.engine
    table = dict(settings.run)
    components = _tables(table.get("settings"))
    components["policies"] = {**components.get("policies", {}), start.policy: dict(start.settings)}
    choice = engine.model_copy(update={"settings": {**engine.settings, "model": model}}).model_dump(mode="json")
    values = {
        **DEFAULTS,
        **table,
        "policy": start.policy,
        "settings": components,
        "models": {"default": choice, **_tables(table.get("models")), ROLE: choice},
        "plugins": settings.plugins,
    }
    try:
        return RunOptions.model_validate(values)
    except ValidationError as error:
        raise SettingsError(f"run.{fault_line(error.errors()[0], RunOptions)}") from None


def no_own_judge(options: RunOptions) -> str | None:
    """Return why held-out figures come from the reviewer that also selects, or None where another one judges."""
    if options.judge is None:
        return f"no judge is set, and {options.reviewer!r} both selects and judges"
    default = options.models.get("default")
    selects, judges = (options.models.get(role, default) for role in ("reviewer", "judge"))
    if options.judge == options.reviewer and selects == judges:
        return f"{options.reviewer!r} both selects and judges"
    return None


def _tables(value: JSON) -> dict[str, dict[str, JSON]]:
    return (
        {key: dict(below) for key, below in value.items() if isinstance(below, dict)}
        if isinstance(value, dict)
        else {}
    )
