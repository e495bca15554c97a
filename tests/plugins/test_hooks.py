"""Each hook: called with what its page says, and documented with its signature."""

from __future__ import annotations

import asyncio
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from peercycle import hookimpl
from peercycle.core.errors import PluginError
from peercycle.core.events import AfterStage, BeforeStage, RunEnd, RunEvent
from peercycle.plugins import hookspecs
from peercycle.plugins.manager import Kind, Plugins


def test_every_hook_is_documented_with_its_signature(repository: Path) -> None:
    page = (repository / "docs" / "hooks.md").read_text(encoding="utf-8")
    titles = re.findall(r"^### `(.+)`$", page, re.MULTILINE)
    expected = []
    for name in hookspecs.hook_names():
        arguments = ", ".join(inspect.signature(getattr(hookspecs, name)).parameters)
        expected.append(f"{name}({arguments})")
    assert sorted(titles) == sorted(expected)


def test_every_hook_has_a_test() -> None:
    tested = {name.removeprefix("test_hook_") for name in globals() if name.startswith("test_hook_")}
    missing = [name for name in hookspecs.hook_names() if not any(t.startswith(name) for t in tested)]
    assert missing == []


def test_every_hook_has_a_docstring_and_types() -> None:
    for name in hookspecs.hook_names():
        spec = getattr(hookspecs, name)
        assert spec.__doc__, name
        assert set(spec.__annotations__) == {*inspect.signature(spec).parameters, "return"}, name


def registered_through(hook: str, kind: Kind) -> None:
    """A component registered through a hook is found under its kind, and under no other."""

    def implementation(register: Any) -> None:
        register("mine", lambda settings: hook)

    plugin = type("Plugin", (), {hook: staticmethod(hookimpl(implementation, specname=hook))})()
    plugins = Plugins.load(plugin, entry_points=False, builtin=False, environ={})
    assert plugins.create(kind, "mine") == hook
    (entry,) = plugins.describe()
    assert entry["registrations"] == {kind: ["mine"]}


def test_hook_register_models() -> None:
    registered_through("register_models", "models")


def test_hook_register_policies() -> None:
    registered_through("register_policies", "policies")


def test_hook_register_reviewers() -> None:
    registered_through("register_reviewers", "reviewers")


def test_hook_register_rewards() -> None:
    registered_through("register_rewards", "rewards")


def test_hook_register_literature() -> None:
    registered_through("register_literature", "literature")


def test_hook_register_sandboxes() -> None:
    registered_through("register_sandboxes", "sandboxes")


def test_hook_register_trainers() -> None:
    registered_through("register_trainers", "trainers")


def test_hook_register_exporters() -> None:
    registered_through("register_exporters", "exporters")


def test_hook_extend_graph_reaches_the_real_builder() -> None:
    from peercycle.graphs.builder import StageBuilder

    class Stage:
        name = "extra"

    class Adds:
        @hookimpl
        def extend_graph(self, builder: Any) -> None:
            builder.add_stage(Stage(), after="check")

    builder = StageBuilder(paths={"draft": ["check", "review"], "improve": ["check"]}, stages={})
    Plugins.load(Adds(), entry_points=False, builtin=False, environ={}).extend_graph(builder)
    assert builder.paths == {"draft": ["check", "extra", "review"], "improve": ["check", "extra"]}
    assert builder.owners["extra"] == "plugin 'Adds'"


def test_hook_extend_graph_two_replacements_name_both() -> None:
    from peercycle.graphs.builder import StageBuilder

    class Replaces:
        def __init__(self, name: str) -> None:
            self.name = name

        @hookimpl
        def extend_graph(self, builder: Any) -> None:
            builder.replace_stage("check", object())

    builder = StageBuilder(paths={"draft": ["check"], "improve": []}, stages={"check": object()})  # type: ignore[dict-item]
    plugins = Plugins.load(Replaces("one"), Replaces("two"), entry_points=False, builtin=False, environ={})
    with pytest.raises(PluginError, match="'one' and 'two' both replace the stage 'check'"):
        plugins.extend_graph(builder)


def test_hook_register_commands_adds_to_the_real_command_line() -> None:
    import typer
    from typer.testing import CliRunner

    class Adds:
        @hookimpl
        def register_commands(self, app: typer.Typer) -> None:
            @app.command()
            def hello() -> None:
                typer.echo("hello from a plugin")

            @app.command()
            def other() -> None:
                typer.echo("other")

    app = typer.Typer()
    Plugins.load(Adds(), entry_points=False, builtin=False, environ={}).register_commands(app)
    assert "hello from a plugin" in CliRunner().invoke(app, ["hello"]).stdout


EVENTS: dict[str, Any] = {
    "before_stage": BeforeStage("r1", "c0", "write", 1),
    "after_stage": AfterStage("r1", "c0", "write", 1, 0.5, {"manuscript": "sha256:0"}, "it failed"),
    "on_event": RunEvent("r1", "log", 1.0, "a line"),
    "on_run_end": RunEnd("r1", "runs/r1", "finished", "accepted", 6.0, 2),
}


def heard_through(hook: str) -> None:
    """An event told to the manager reaches the plugin that implements its hook, as it is."""
    heard: list[Any] = []

    def implementation(event: Any) -> None:
        heard.append(event)

    plugin = type("Plugin", (), {hook: staticmethod(hookimpl(implementation, specname=hook))})()

    async def main() -> None:
        plugins = Plugins.load(plugin, entry_points=False, builtin=False, environ={})
        for name, event in EVENTS.items():
            getattr(plugins, name)(event)
        await plugins.close()

    asyncio.run(main())
    assert heard == [EVENTS[hook]]


def test_hook_before_stage() -> None:
    heard_through("before_stage")


def test_hook_after_stage() -> None:
    heard_through("after_stage")


def test_hook_on_event() -> None:
    heard_through("on_event")


def test_hook_on_run_end() -> None:
    heard_through("on_run_end")
