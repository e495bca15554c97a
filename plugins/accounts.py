"""What the manager tells people of its plugins, as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from peercycle.plugins.loading import Source
from peercycle.plugins.problems import Problem
from peercycle.plugins.registry import Registry

if TYPE_CHECKING:
    from peercycle.core.base import JSON


def entry(source: Source, state: str, hooks: Sequence[str], registries: Iterable[Registry]) -> dict[str, JSON]:
    """Return what there is to say of one plugin."""
    offers: dict[str, JSON] = {}
    for registry in registries:
        if mine := registry.offered_by(source.name):
            offers[registry.kind] = [registration.name for registration in mine]
    return {
        "name": source.name,
        "state": state,
        "distribution": source.distribution,
        "version": source.version,
        "origin": source.origin,
        "hooks": list(hooks),
        "registrations": offers,
    }


def with_problems(item: dict[str, JSON], problems: Iterable[Problem]) -> dict[str, JSON]:
    """Add a plugin's problems to its entry; `problem` is the first one, or null."""
    mine = [problem.message for problem in problems if problem.plugin == item["name"]]
    return {**item, "problem": mine[0] if mine else None, "problems": [*mine]}


def schemas(plugin: str, registries: Iterable[Registry]) -> dict[str, JSON]:
    """Return the JSON schema of the settings of everything that a plugin offers, by kind and name."""
    found: dict[str, JSON] = {}
    for registry in registries:
        if mine := registry.offered_by(plugin):
            found[registry.kind] = {r.name: r.settings_model.model_json_schema() for r in mine}
    return found
