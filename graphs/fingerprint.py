"""What decides a run's content, by name: a resume compares it key by key."""

from __future__ import annotations

from collections.abc import Mapping

from peercycle.core.base import JSON, canonical_json, sha256_hex
from peercycle.core.errors import FingerprintError
from peercycle.core.runs import RunOptions
from peercycle.graphs.settings import backend_of, component_settings
from peercycle.graphs.stagelist import build_stages
from peercycle.plugins.manager import Kind, Plugins

FORMAT = 1


def fingerprint(options: RunOptions, task: str, plugins: Plugins) -> dict[str, JSON]:
    """Return the parts that decide content. Limits (rounds, patience, budget) are no part of it."""
    builder = build_stages(plugins)

    def component(kind: Kind, name: str | None) -> JSON:
        return {"name": name, "settings": dict(component_settings(options, kind, name))} if name else None

    return {
        "format": FORMAT,
        "task": task,
        "seed": options.seed,
        "candidates": options.candidates,
        "graph": {"draft": list(builder.paths["draft"]), "improve": list(builder.paths["improve"])},
        "stages": dict(sorted(builder.owners.items())),
        "plugins": dict(plugins.versions()),
        "policy": component("policies", options.policy),
        "reviewer": component("reviewers", options.reviewer),
        "reward": component("rewards", options.reward),
        "literature": [component("literature", name) for name in options.literature],
        "exporters": [component("exporters", name) for name in options.exporters],
        "models": {
            role: {"name": choice.name, "settings": backend_of(choice, options)[1]}
            for role, choice in sorted(options.models.items())
        },
        "experiments": options.experiments,
        "repairs": options.repairs,
        # Named only where they are used: a run from before they were there goes on as it was.
        **({"skip": list[JSON](sorted(options.skip))} if options.skip else {}),
        **({"judged": options.judged} if options.judged != "best" else {}),
        **({"curve": True} if options.curve else {}),
        **({"checkpoint": options.checkpoint} if options.checkpoint else {}),
    }


def compare(recorded: JSON, current: JSON, place: str = "") -> tuple[str, ...]:
    """Return what differs, a line each: the key, what it was and what it is, or what came and what went."""
    if canonical_json(recorded) == canonical_json(current):
        return ()
    if isinstance(recorded, Mapping) and isinstance(current, Mapping):
        lines: list[str] = []
        for key in sorted({*recorded, *current}):
            lines += compare(recorded.get(key), current.get(key), f"{place}.{key}" if place else key)
        return tuple(lines)
    if isinstance(recorded, list) and isinstance(current, list):
        gone = [_short(item) for item in recorded if item not in current]
        come = [_short(item) for item in current if item not in recorded]
        if gone or come:
            return (f"{place}:" + "".join(f" -{item}" for item in gone) + "".join(f" +{item}" for item in come),)
    return (f"{place}: {_short(recorded)} -> {_short(current)}",)


def require_same(run_id: str, differences: tuple[str, ...], remedy: str) -> None:
    """Raise `FingerprintError` where anything differs."""
    if differences:
        raise FingerprintError(
            f"run {run_id!r} was begun with other content settings ({'; '.join(differences)}); {remedy}"
        )


def _short(value: JSON) -> str:
    text = canonical_json(value).decode()
    return text if len(text) <= 80 else f"{text[:60]}… ({sha256_hex(text.encode())[:8]})"
