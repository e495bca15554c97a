"""`peercycle plugins` and `peercycle new-plugin`; and the commands that plugins add."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from peercycle.cli.output import print_json, print_table, say, warn
from peercycle.cli.parameters import AsJson, DisabledPlugins, PluginFiles

SHOWN_NAMES = 3
"""Components of one kind that the list of plugins names; `peercycle plugins show NAME` names all."""


def plugins(
    action: Annotated[
        str | None, typer.Argument(metavar="[show]", help="`show` and a name, for one of them.")
    ] = None,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]")] = None,
    *,
    plugin: PluginFiles = None,
    no_plugin: DisabledPlugins = None,
    as_json: AsJson = False,
) -> None:
    """List plugins, one a line, or show one.

    `peercycle plugins show NAME` lists the settings of everything that it offers.
    """
    from peercycle.cli.configuring import named_plugins, read_settings
    from peercycle.core.errors import UsageError
    from peercycle.plugins.manager import Plugins

    files, disabled = named_plugins(read_settings(), plugin, no_plugin)
    manager = Plugins.load(files=files, disabled=disabled)
    if action is None:
        _list(manager.describe(), as_json)
    elif action == "show" and name:
        _show(_found(manager, name), as_json)
    else:
        raise UsageError(f"plugins {action}: write `peercycle plugins`, or `peercycle plugins show NAME`")


def _found(manager: Any, name: str) -> dict[str, Any]:
    from peercycle.core.errors import UnknownNameError

    try:
        return dict(manager.show(name))
    except UnknownNameError as error:
        offers = [
            f"{each['name']!r} offers it under {kind}: `peercycle plugins show {each['name']}`"
            for each in manager.describe()
            for kind, names in each["registrations"].items()
            if name in names
        ]
        if not offers:
            raise
        raise UnknownNameError(f"no plugin is called {name!r}, but {'; '.join(offers)}") from error


def _list(found: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json({"plugins": found})
        return
    rows = []
    for each in found:
        offers = "; ".join(f"{kind}: {_few(names)}" for kind, names in each["registrations"].items())
        rows.append((each["name"], each["state"], _from(each), each["problem"] or offers or ", ".join(each["hooks"])))
    print_table(("plugin", "state", "from", "offers"), rows)


def _few(names: list[str]) -> str:
    """Return names, or how many there are where a line has no room for them."""
    return ", ".join(names) if len(names) <= SHOWN_NAMES else str(len(names))


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    say(f"{found['name']}: {found['state']}, from {_from(found)}")
    say(f"hooks: {', '.join(found['hooks']) or 'none'}")
    for problem in found["problems"]:
        say(f"problem: {problem}")
    for kind, by_name in found["settings"].items():
        for name, schema in by_name.items():
            say(f"{kind}.{name}")
            for key, field in (schema.get("properties") or {}).items():
                default = f" = {field['default']!r}" if "default" in field else ""
                about = f": {field['description']}" if field.get("description") else ""
                say(f"  {key}{default}{about}")


def _from(found: dict[str, Any]) -> str:
    who = " ".join(str(part) for part in (found["distribution"], found["version"]) if part)
    return f"{who} ({found['origin']})" if who else str(found["origin"])


def new_plugin(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the project.")],
    *,
    kind: Annotated[str, typer.Option(help="What it offers: policy, reviewer, reward, stage, …")],
    target: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="The project's folder.", show_default="peercycle-NAME")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a plugin project of your own.

    Its tests pass as written.
    """
    from peercycle.plugins.new_plugin import create_project

    place = target or Path(f"peercycle-{name.removeprefix('peercycle-')}")
    files = create_project(name, kind, place)
    if as_json:
        print_json(
            {"name": name, "kind": kind, "path": str(place.absolute()), "files": [str(file) for file in files]}
        )
    else:
        say(f"wrote {place}; try it with: cd {place} && pip install -e . pytest && pytest")


def add_commands(app: typer.Typer) -> None:
    """Let installed plugins, and those that the settings name, add commands."""
    from peercycle.cli.configuring import named_plugins, read_settings
    from peercycle.core.errors import PeercycleError
    from peercycle.plugins.manager import Plugins

    try:
        files, disabled = named_plugins(read_settings(), None, None)
        manager = Plugins.load(files=files, disabled=disabled, builtin=False)
    except PeercycleError as error:
        # A bad settings file must not take `--help` away.
        warn(f"warning: the commands of plugins are left out: {error}")
        return
    manager.register_commands(app)
    for problem in manager.problems:
        warn(f"warning: {problem.message}")
