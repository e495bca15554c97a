"""Parameters that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from peercycle.cli.configuring import without

RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's path, id, or the unique beginning of an id.")]
RunOrQueue = Annotated[
    str, typer.Argument(metavar="RUN|QUEUE", help="A path, an id, or the unique beginning of an id.")
]
RunsDir = Annotated[
    Path | None,
    typer.Option("--runs-dir", metavar="DIR", help="Where runs are kept.", show_default="runs"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON only, for scripts.")]
ModelRoles = Annotated[
    list[str] | None,
    typer.Option("--model-role", metavar="ROLE=NAME", help="A model for one role; may be repeated."),
]
PluginFiles = Annotated[
    list[str] | None,
    typer.Option("--plugin", metavar="FILE", help="Load a plugin from a Python file; may be repeated."),
]
DisabledPlugins = Annotated[
    list[str] | None,
    typer.Option("-p", metavar="no:NAME", help="Go without a plugin; may be repeated.", callback=without),
]
SettingOverrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B.C=VALUE", help="Set policies.NAME.KEY and the like; may be repeated."),
]
