"""A trained policy by its name: what a checkpoint stands for is a plugin, its settings, and a model."""

from __future__ import annotations

from pathlib import Path

from peercycle.core.base import JSON
from peercycle.core.errors import UnknownNameError
from peercycle.core.runs import ModelChoice, RunOptions
from peercycle.graphs.settings import component_settings
from peercycle.plugins.manager import Plugins
from peercycle.store.policies import StoredPolicy, find_policy, list_policies

ROLE = "policy"
"""The role that a policy asks its model under; a run without a model for it asks the default one."""

ENGINES = ("transformers", "vllm")
"""Model backends that serve weights from a folder. The first is used where none is named."""


def use_trained(options: RunOptions, plugins: Plugins) -> tuple[RunOptions, str]:
    """Return the options with a trained policy's plugin, settings and model in place of its name, and a line on it.

    Plugins come first: a checkpoint is looked for only where no plugin offers the name. The line is empty where
    there is none. Raises `UnknownNameError` naming what there is of either kind.
    """
    if options.policy == "auto" or _offered(options.policy, plugins):
        return options, ""
    folder = Path(options.policies_dir)
    try:
        stored = find_policy(folder, options.policy)
    except UnknownNameError:
        trained = ", ".join(list_policies(folder)) or "none"
        try:
            plugins.find("policies", options.policy)
        except UnknownNameError as error:
            raise UnknownNameError(f"{error} Trained policies in {str(folder)!r}: {trained}.") from None
        raise
    return serve(options, stored), _line(stored)


def serve(options: RunOptions, stored: StoredPolicy) -> RunOptions:
    """Return the options with a stored policy in use, served by the engine that they name, if they name one."""
    plugin = stored.record.policy
    own: dict[str, JSON] = {**stored.record.settings, **component_settings(options, "policies", plugin)}
    policies = {**options.settings.get("policies", {}), plugin: own}
    given = options.models.get(ROLE) or options.models.get("default")
    bare = given is not None and given.name in ENGINES and "model" not in given.settings
    engine = given if given is not None and bare else ModelChoice(name=ENGINES[0])
    choice = engine.model_copy(update={"settings": {**engine.settings, "model": str(stored.model)}})
    models = {**options.models, ROLE: choice}
    if "default" not in options.models or (bare and ROLE not in options.models):
        models["default"] = choice
    changes = {
        "policy": plugin,
        "settings": {**options.settings, "policies": policies},
        "models": models,
        "checkpoint": stored.identity,
    }
    return options.model_copy(update=changes)


def _offered(name: str, plugins: Plugins) -> bool:
    try:
        plugins.find("policies", name)
    except UnknownNameError:
        return False
    return True


def _line(stored: StoredPolicy) -> str:
    record = stored.record
    return (
        f"policy: {stored.name}, trained: {record.policy} on weights {record.weights_sha256[:12]}, "
        f"iteration {record.iteration}, from {record.parent or record.base_model}"
    )
