"""The settings that a run's options hold for its components."""

from __future__ import annotations

from collections.abc import Mapping

from peercycle.core.base import JSON
from peercycle.core.runs import ModelChoice, RunOptions
from peercycle.plugins.manager import Kind


def component_settings(options: RunOptions, kind: Kind, name: str) -> Mapping[str, JSON]:
    """Return the settings of a component, by its name without a distribution's prefix."""
    return options.settings.get(kind, {}).get(name.rpartition(":")[2], {})


def backend_of(choice: ModelChoice, options: RunOptions) -> tuple[str, dict[str, JSON]]:
    """Return the name of the component that serves a model, and its settings: the backend's, then the choice's."""
    backend, _, model_name = choice.name.partition("/")
    named: dict[str, JSON] = {"model": model_name} if model_name else {}
    return backend, {**component_settings(options, "models", backend), **choice.settings, **named}
