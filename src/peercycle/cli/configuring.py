"""From settings file, environment and flags to plugins and `RunOptions`; a flag wins over what is set elsewhere."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from peercycle.cli.faults import Complaint, said_by

if TYPE_CHECKING:
    from peercycle.core.runs import RunOptions
    from peercycle.core.settings import Settings
    from peercycle.plugins.manager import Kind, Plugins

SETTINGS_FILE = "peercycle.toml"
DEFAULTS: Mapping[str, Any] = {"candidates": 3, "rounds": 2}
"""What the command line does where nobody says otherwise."""
ROLES = ("default", "policy", "coder", "reviewer", "judge")
"""Whom the built-in parts ask; a plugin may ask others, so that another name is worth a warning and no error."""


def read_settings(
    overrides: Sequence[str] | None = None, model: str | None = None, by_role: Sequence[str] | None = None
) -> Settings:
    """Return what `peercycle.toml` of the working directory, the environment, `--set` and flags for models say.

    `model` is what `--model` was given, `by_role` what `--model-role` was. Raises `SettingsError`, `UsageError`.
    """
    from peercycle.core.settings import load_settings

    path = Path(SETTINGS_FILE)
    named = named_models(model, by_role or ())
    return load_settings(path if path.exists() else None, os.environ, overrides or (), named)


def named_models(model: str | None, by_role: Sequence[str]) -> dict[str, str]:
    """Return the models that flags name, by role; warns of a role that only a plugin could ask."""
    from peercycle.cli.output import warn
    from peercycle.core.errors import UsageError

    named = {"default": model} if model else {}
    for pair in by_role:
        role, equals, name = pair.partition("=")
        if not (equals and role.strip() and name.strip()):
            raise UsageError(f"--model-role {pair!r}: write ROLE=NAME, such as reviewer=openai/gpt-x")
        if role.strip() not in ROLES:
            warn(f"warning: --model-role {pair!r}: peercycle has no role {role.strip()!r}, only {', '.join(ROLES)}")
        named[role.strip()] = name.strip()
    return named


def runs_dir(given: Path | None, settings: Settings | None = None) -> Path:
    """Return where runs are kept: the flag, else the setting, else `runs`."""
    if given is None:
        settings = read_settings() if settings is None else settings
        given = Path(str(settings.run.get("runs_dir", "runs")))
    return require_folder(given)


def require_folder(path: Path) -> Path:
    """Return where runs are kept, or will be. Raises `UsageError` for a file."""
    from peercycle.core.errors import UsageError

    with suppress(PermissionError):
        if path.is_file():
            raise UsageError(f"--runs-dir {path}: is a file; give a folder")
    return path


def load_plugins(
    settings: Settings | None = None, files: Sequence[str] | None = None, disabled: Sequence[str] | None = None
) -> Plugins:
    """Load plugins as settings and flags say, and warn of broken ones."""
    from peercycle.cli.output import warn
    from peercycle.plugins.manager import Plugins

    wanted, off = named_plugins(settings, files, disabled)
    plugins = Plugins.load(files=wanted, disabled=off)
    for problem in plugins.problems:
        warn(f"warning: {problem.message}")
    for line in plugins.unknown(disabled or ()):
        warn(f"warning: -p {line}")
    return plugins


def plugins_of(options: RunOptions, files: Sequence[str] | None, disabled: Sequence[str] | None) -> Plugins:
    """Load the plugins that a run was begun with, and those that flags name beside them."""
    return load_plugins(None, [*options.plugins, *(files or ())], [*options.disabled_plugins, *(disabled or ())])


def named_plugins(
    settings: Settings | None, files: Sequence[str] | None, disabled: Sequence[str] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the plugin files to load and the names to go without. Raises `UsageError` for what is neither."""
    from peercycle.core.errors import UsageError

    for name in files or ():
        path = Path(name).expanduser()
        if not path.is_file():
            raise UsageError(f"--plugin {name}: " + ("is a folder" if path.is_dir() else "there is no such file"))
    return _joined(settings, "plugins", files), _joined(settings, "disabled_plugins", disabled)


def without(value: list[str] | None) -> list[str] | None:
    """Check what `-p` was given: no plugin is left out by a slip."""
    import typer

    for name in value or ():
        if not name.startswith("no:") or name == "no:":
            raise typer.BadParameter(f"{name!r}: write -p no:NAME", param_hint="-p")
    return value


def _joined(settings: Settings | None, name: str, given: Sequence[str] | None) -> tuple[str, ...]:
    """Return what the settings list and what the flags add, each once."""
    listed = cast("list[str]", settings.run.get(name) or []) if settings is not None else []
    return tuple(dict.fromkeys([*listed, *(given or ())]))


def choose_options(flags: Mapping[str, Any], settings: Settings, plugins: Plugins) -> RunOptions:
    """Return the options of a run. `flags` holds the fields of `RunOptions` and `Budget`; None was not given.

    Raises `SettingsError` naming the flag or setting at fault.
    """
    from pydantic import ValidationError

    from peercycle.core.errors import UsageError
    from peercycle.core.runs import Budget, RunOptions

    settings.require_named()
    budget = cast(dict[str, Any], dict(cast(Any, settings.run.get("budget")) or {}))
    budget |= {name: flags[name] for name in Budget.model_fields if flags.get(name) is not None}
    values: dict[str, Any] = {
        **DEFAULTS,
        **settings.run,
        **{name: flags[name] for name in RunOptions.model_fields if flags.get(name) not in (None, ())},
        "plugins": tuple(str(Path(name).resolve()) for name in _joined(settings, "plugins", flags.get("plugins"))),
        "disabled_plugins": _joined(settings, "disabled_plugins", flags.get("disabled_plugins")),
        "budget": budget,
        "models": settings.models,
        "settings": component_tables(settings, plugins),
    }
    try:
        options = RunOptions.model_validate(values)
    except ValidationError as error:
        raise UsageError("; ".join(said_by(Complaint.of(fault)) for fault in error.errors())) from None
    require_folder(Path(options.runs_dir))
    return options


def component_tables(settings: Settings, plugins: Plugins) -> dict[str, dict[str, dict[str, Any]]]:
    """Return component settings by kind and registered name.

    Raises `SettingsError` where `--set` names a component that no plugin offers; warns where the settings file or
    the environment does, as they may serve other projects too.
    """
    from peercycle.cli.output import warn
    from peercycle.core.errors import SettingsError

    kinds = cast("list[Kind]", list(settings.components))
    names = {kind: plugins.names(kind) for kind in kinds}
    for line in settings.unknown(cast(Any, names)):
        if "(--set " in line:
            raise SettingsError(line)
        warn(f"warning: {line}")
    tables: dict[str, dict[str, dict[str, Any]]] = {}
    for kind in kinds:
        bare = {name.rpartition(":")[2] for name in names[kind]}
        found = {name: settings.component(kind, name) for name in sorted(bare)}
        tables[kind] = {name: values for name, values in found.items() if values}
    return tables
