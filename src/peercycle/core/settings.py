"""Settings from three places: `peercycle.toml`, then the environment, then `--set`; the later one wins.

    peercycle.toml                      [policies.prompted]
                                        temperature = 0.4
    environment                         PEERCYCLE_POLICIES__PROMPTED__TEMPERATURE=0.4
    command line                        --set policies.prompted.temperature=0.4

The tables are one per kind of component (`[policies.NAME]`, `[rewards.NAME]`, …), `[run]` for the defaults of
`RunOptions`, `[models.ROLE]` with a `name` for the model that serves a role, and `[models.BACKEND]` without one for
what all models of a backend share. Values in the environment and after `--set`
are JSON where they parse as JSON, else strings.

A model that is named elsewhere (`PEERCYCLE_MODEL`, `--model`, `--model-role`) takes its place among these: what is set
later, and what is set for the same name or for none, is this model's; prices and settings of another are dropped.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from peercycle.core.base import JSON
from peercycle.core.complaints import complaint_of
from peercycle.core.errors import SettingsError
from peercycle.core.nearest import did_you_mean
from peercycle.core.runs import ModelChoice, RunOptions

COMPONENT_TABLES = ("policies", "reviewers", "rewards", "literature", "sandboxes", "trainers", "exporters")
TABLES = (*COMPONENT_TABLES, "models", "run")
PREFIX = "PEERCYCLE_"
MODEL_VARIABLE = "PEERCYCLE_MODEL"
"""Names the model of every role that has none of its own."""

_Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """What was set, by whom, before plugins have said what can be."""

    components: Mapping[str, Mapping[str, Mapping[str, JSON]]] = field(default_factory=dict)
    """Kind of component, name, setting."""
    run: Mapping[str, JSON] = field(default_factory=dict)
    """Defaults for `RunOptions`, checked against it."""
    models: Mapping[str, Mapping[str, JSON]] = field(default_factory=dict)
    """`ModelChoice` by role; that of `default` may lack its name, see `require_named`."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Which file, variable or option set a value, by dotted path."""

    def component(self, kind: str, name: str) -> dict[str, JSON]:
        """Return one component's settings. `-` and `_` are the same in a name, as variables have no `-`."""
        merged: dict[str, JSON] = {}
        for given, values in self.components.get(kind, {}).items():
            if _folded(given) == _folded(name):
                merged.update(values)
        return merged

    def unknown(self, names: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
        """Return a line for each component that is set but not among the names on offer, by kind."""
        lines: list[str] = []
        for kind, given in self.components.items():
            known = {_folded(name.rpartition(":")[2]): name for name in names.get(kind, ())}
            for name in given:
                if _folded(name) not in known:
                    where = self.source(kind, name)
                    role = (
                        f"; for a role, name its model too: --model-role {name}=BACKEND/MODEL"
                        if kind == "models"
                        else ""
                    )
                    lines.append(
                        f"settings for {kind}.{name} ({where}), which no plugin offers"
                        f"{_hint(name, known.values())}{role}"
                    )
        return tuple(lines)

    def source(self, *path: str) -> str:
        """Return who set a value, or the first one that set something below it."""
        dotted = _dotted(path)
        if dotted in self.sources:
            return self.sources[dotted]
        return next((who for key, who in self.sources.items() if key.startswith(f"{dotted}.")), "default")

    def require_named(self) -> None:
        """Raise `SettingsError` where something is set for a default model that nothing names."""
        if "name" not in self.models.get("default", {"name": ""}):
            where = self.source("models", "default")
            raise SettingsError(
                f"{where}: is set for a model that nothing names; add --model BACKEND/MODEL, or models.default.name"
            )


def load_settings(
    path: Path | None,
    environ: Mapping[str, str],
    overrides: Sequence[str] = (),
    named: Mapping[str, str] | None = None,
) -> Settings:
    """Read the settings file (none where `path` is None), the environment, and `KEY=VALUE` overrides.

    `named` are the models that flags name, by role: they win over names that are set.
    Raises `SettingsError` naming the file, variable or option at fault, and the nearest names that exist.
    """
    layers = _Layers()
    if path is not None:
        layers.add_table(_read_toml(path), str(path))
    if model := environ.get(MODEL_VARIABLE):
        layers.add(("models", "default"), model, MODEL_VARIABLE)
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and "__" in variable:
            keys = tuple(part.lower() for part in variable.removeprefix(PREFIX).split("__"))
            layers.add(keys, _value(environ[variable]), variable)
    for role, name in (named or {}).items():
        layers.add(("models", role), name, "--model" if role == "default" else "--model-role")
    flags = {("models", _folded(role)) for role in named or {}}
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals:
            raise SettingsError(f"--set {override!r} has no '='; write --set policies.NAME.KEY=VALUE")
        keys, value = _keys(key.strip(), override), _value(text)
        names = keys[2:] == ("name",) or (keys[2:] == () and isinstance(value, str))
        if names and (keys[0], *map(_folded, keys[1:2])) in flags:
            # A flag names that model.
            continue
        layers.add(keys, value, f"--set {key.strip()}")
    return layers.settings()


class _Layers:
    """Values as they come in, the later over the earlier."""

    def __init__(self) -> None:
        self._tree: dict[str, Any] = {}
        self._sources: dict[str, str] = {}

    def add_table(self, table: Mapping[str, Any], source: str) -> None:
        for path, value in _leaves(table, ()):
            self.add(path, value, source)

    def add(self, path: _Path, value: JSON, source: str) -> None:
        table = path[0]
        if table not in TABLES:
            raise SettingsError(f"{source}: no settings table is called {table!r}{_hint(table, TABLES)}")
        path = self._spelled(path)
        if table == "models" and len(path) == 2 and isinstance(value, str):
            if self._tree.get("models", {}).get(path[1], {}).get("name") not in (None, value):
                # Prices and settings of another model would be wrong for this one.
                self._forget(path)
            path = (*path, "name")
        self._check_depth(path, value, source)
        here = self._tree
        for key in path[:-1]:
            below = here.setdefault(key, {})
            if not isinstance(below, dict):
                below = here[key] = {}
            here = below
        here[path[-1]] = value
        self._sources[_dotted(path)] = source

    def settings(self) -> Settings:
        run, models = self._tree.get("run", {}), self._tree.get("models", {})
        self._check(RunOptions, run, ("run",))
        roles = {
            role: choice for role, choice in models.items() if "name" in choice or (role == "default" and choice)
        }
        for role, choice in roles.items():
            self._check(ModelChoice, choice, ("models", role))
        components = {kind: self._tree[kind] for kind in COMPONENT_TABLES if kind in self._tree}
        if backends := {name: values for name, values in models.items() if values and name not in roles}:
            components["models"] = backends
        return Settings(components, run, roles, dict(self._sources))

    def _check_depth(self, path: _Path, value: JSON, source: str) -> None:
        if len(path) >= (2 if path[0] == "run" else 3) or value == {}:
            return
        shape = {"run": "run.KEY", "models": "models.ROLE.KEY"}.get(path[0], f"{path[0]}.NAME.KEY")
        raise SettingsError(f"{source}: {_dotted(path)!r} cannot be {value!r}; settings are {shape}")

    def _spelled(self, path: _Path) -> _Path:
        """Return the path with component names and keys as an earlier layer spelled them."""
        found: list[str] = []
        here: Any = self._tree
        for key in path:
            if isinstance(here, dict) and key not in here:
                key = next((k for k in here if _folded(k) == _folded(key)), key)  # noqa: PLW2901
            here = here.get(key) if isinstance(here, dict) else None
            found.append(key)
        return tuple(found)

    def _forget(self, path: _Path) -> None:
        dotted = _dotted(path)
        self._tree.get(path[0], {}).pop(path[1], None)
        self._sources = {k: v for k, v in self._sources.items() if k != dotted and not k.startswith(f"{dotted}.")}

    def _check(self, model: type[BaseModel], values: Mapping[str, Any], at: _Path) -> None:
        try:
            model.model_validate(values)
        except ValidationError as error:
            # A default without a name matters only to who asks a model: see `Settings.require_named`.
            nameless = (("models", "default"), ("name",), "missing")
            faults = [fault for fault in error.errors() if (at, fault["loc"], fault["type"]) != nameless]
            if faults:
                raise SettingsError("; ".join(self._fault(model, fault, at) for fault in faults)) from None

    def _fault(self, model: type[BaseModel], fault: Any, at: _Path) -> str:
        path = (*at, *(str(part) for part in fault["loc"]))
        source = next((s for n in range(len(path), 0, -1) if (s := self._sources.get(_dotted(path[:n])))), None)
        source = source or next((s for k, s in self._sources.items() if k.startswith(_dotted(at))), "settings")
        if fault["type"] == "extra_forbidden" and len(path) == len(at) + 1:
            return f"{source}: no setting is called {_dotted(path)!r}{_hint(path[-1], model.model_fields)}"
        if fault["type"] == "missing":
            return f"{source}: {_dotted(path)!r} is missing and has no default"
        return f"{source}: {_dotted(path)!r} is {fault['input']!r}: {complaint_of(fault)}"


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"settings file {str(path)!r} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"settings file {str(path)!r} is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"settings file {str(path)!r} is not TOML: {error}") from None


def _leaves(table: Mapping[str, Any], at: _Path) -> Iterable[tuple[_Path, JSON]]:
    for key, value in table.items():
        path = (*at, key)
        if isinstance(value, dict) and value:
            yield from _leaves(value, path)
        else:
            yield path, _plain(value, path)


def _plain(value: Any, path: _Path) -> JSON:
    try:
        plain: JSON = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError):
        raise SettingsError(f"setting {_dotted(path)!r} is {value!r}, which is no JSON value") from None
    return plain


def _keys(key: str, override: str) -> _Path:
    """Return a dotted key's parts; a part with a dot in it is quoted, as in TOML."""
    try:
        here: Any = tomllib.loads(f"{key} = 0") if "\n" not in key else {}
    except tomllib.TOMLDecodeError:
        here = {}
    path: list[str] = []
    while isinstance(here, dict) and len(here) == 1:
        ((part, here),) = here.items()
        path.append(part)
    if here != 0 or not path:
        raise SettingsError(f"--set {override!r}: {key!r} is no dotted key such as policies.NAME.KEY")
    return tuple(path)


def _value(text: str) -> JSON:
    try:
        value: JSON = json.loads(text, parse_constant=_refuse)
    except ValueError:
        return text
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _folded(name: str) -> str:
    return name.replace("-", "_").lower()


def _dotted(path: Iterable[str]) -> str:
    return ".".join(part if part.replace("-", "").replace("_", "").isalnum() else json.dumps(part) for part in path)


def _hint(name: str, known: Iterable[str]) -> str:
    names = list(known)
    return did_you_mean(name, names) or (f"; there are {', '.join(names)}" if names else "")
