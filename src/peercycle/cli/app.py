"""The commands by name. A command's own module is imported when the app is built; rooms only when it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from peercycle.cli import (
    answering,
    doctor,
    listing,
    literatures,
    logs,
    pairing,
    plugins,
    removing,
    reporting,
    resuming,
    reviewing,
    running,
    sandboxes,
    searching,
    stopping,
    training,
)

HELP = "Research done, reviewed and revised by machines, that learns from its own reviews."

COMMANDS: dict[str, Callable[..., Any]] = {
    "run": running.run,
    "resume": resuming.resume,
    "status": listing.status,
    "stop": stopping.stop,
    "answer": answering.answer,
    "logs": logs.logs,
    "report": reporting.report,
    "replay": reporting.replay,
    "rm": removing.remove,
    "review": reviewing.review,
    "search": searching.search,
    "pairs": pairing.pairs,
    "train": training.train,
    "plugins": plugins.plugins,
    "new-plugin": plugins.new_plugin,
    "doctor": doctor.doctor,
}


def build_app(arguments: Sequence[str]) -> typer.Typer:
    """Return the app; with the commands of plugins where the arguments may mean one of theirs."""
    app = typer.Typer(
        no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
    )
    app.callback(help=HELP)(_root)
    for name, function in COMMANDS.items():
        app.command(name)(function)
    app.add_typer(sandboxes.app, name="sandbox")
    app.add_typer(literatures.app, name="literature")
    if _may_mean_a_plugins(arguments):
        plugins.add_commands(app)
    return app


def _may_mean_a_plugins(arguments: Sequence[str]) -> bool:
    asked = next((argument for argument in arguments if not argument.startswith("-")), None)
    if asked is None:
        return "--version" not in arguments and _others_are_installed()
    return asked not in COMMANDS and asked not in {"sandbox", "literature"}


def _others_are_installed() -> bool:
    from importlib.metadata import entry_points

    return any(not point.value.startswith("peercycle.plugins.builtin") for point in entry_points(group="peercycle"))


def _print_version(value: bool) -> None:
    if value:
        from peercycle import __version__

        typer.echo(f"peercycle {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """Hold the options that come before a command."""
