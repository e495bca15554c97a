"""Loading, names, settings and hooks of the plugin manager."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from pydantic import BaseModel

from peercycle import hookimpl
from peercycle.core.contracts import GraphBuilder
from peercycle.core.errors import (
    PluginConflictError,
    PluginError,
    SettingsError,
    UnknownNameError,
    UsageError,
)
from peercycle.plugins.manager import Plugins

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a distribution with one entry point on the path, as an installer would."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def do(dist: str, version: str, name: str, code: str) -> None:
        module = dist.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(dedent(code), encoding="utf-8")
        monkeypatch.delitem(sys.modules, module, raising=False)
        info = tmp_path / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: {version}\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[peercycle]\n{name} = {module}\n", encoding="utf-8")

    return do


REWARD = """
    from peercycle import hookimpl

    @hookimpl
    def register_rewards(register):
        register({name!r}, lambda settings: {value!r})
"""


def load(*plugins: object, **options: Any) -> Plugins:
    return Plugins.load(*plugins, **{"entry_points": False, "builtin": False, "environ": {}, **options})


class Depth(BaseModel):
    depth: int = 1
    api_key: int = 0


class Shortest:
    """A plugin as an object."""

    name = "shortest-plugin"

    @hookimpl
    def register_rewards(self, register: Any) -> None:
        register("shortest", lambda settings: settings, Depth)


def test_what_is_built_in_is_a_plugin_and_is_loaded_once() -> None:
    plugins = Plugins.load(environ={})
    assert [entry["name"] for entry in plugins.describe()].count("builtin") == 1
    assert plugins.versions()["builtin"].startswith("peercycle ")
    assert Plugins.load(builtin=False, environ={}).describe() == []


def test_an_installed_plugin_is_found_by_its_entry_point(install: Install) -> None:
    install("peercycle-short", "0.3", "short", REWARD.format(name="short", value=7))
    plugins = Plugins.load(builtin=False, environ={})
    found = plugins.find("rewards", "short")
    assert (found.plugin, found.distribution, found.version) == ("short", "peercycle-short", "0.3")
    assert plugins.create("rewards", "short") == 7
    assert plugins.versions() == {"short": "peercycle-short 0.3"}


def test_a_distribution_found_twice_counts_once(install: Install, tmp_path: Path, monkeypatch: Any) -> None:
    install("peercycle-short", "0.3", "short", REWARD.format(name="short", value=7))
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    assert Plugins.load(builtin=False, environ={}).names("rewards") == ("short",)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import no_such_module", "failed to load: ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit(3)", "failed to load: SystemExit: 3"),
        ("this is no Python", "failed to load: SyntaxError"),
        (
            "from peercycle import hookimpl\n@hookimpl\ndef register_reward(register): ...",
            "implements 'register_reward', which is no hook; did you mean 'register_rewards'",
        ),
        (
            "from peercycle import hookimpl\n@hookimpl\ndef register_rewards(registry): ...",
            "{'registry'} are declared in the hookimpl but can not be found in the hookspec",
        ),
        ("def register_rewards(register): ...", "implements no hook: mark its functions with @hookimpl"),
        (
            "from peercycle import hookimpl\n@hookimpl\nasync def on_run_end(event): ...",
            "implements 'on_run_end' as a coroutine",
        ),
        (
            "from peercycle import hookimpl\n@hookimpl(wrapper=True)\ndef on_run_end(event):\n    yield",
            "wraps the hook 'on_run_end'",
        ),
    ],
)
def test_a_broken_plugin_names_itself_and_takes_nothing_down(install: Install, code: str, says: str) -> None:
    install("peercycle-bad", "0.3", "bad", code)
    install("peercycle-good", "1.0", "good", REWARD.format(name="good", value=1))
    plugins = Plugins.load(builtin=False, environ={})
    assert plugins.names("rewards") == ("good",)
    (problem,) = plugins.problems
    assert problem.message.startswith("plugin 'bad' of peercycle-bad 0.3 ")
    assert says in problem.message
    assert "PEERCYCLE_DISABLE_PLUGINS=bad" in problem.message
    assert "\n" not in problem.message
    (entry,) = (e for e in plugins.describe() if e["name"] == "bad")
    assert (entry["state"], entry["problem"]) == ("broken", problem.message)


@pytest.mark.parametrize("how", ["option", "qualified", "short", "variable"])
def test_a_disabled_plugin_is_not_even_imported(install: Install, how: str) -> None:
    install("peercycle-bad", "0.3", "bad", "raise RuntimeError('imported')")
    names = {"option": ["no:bad"], "short": ["bad"], "qualified": ["peercycle-bad:bad"], "variable": []}[how]
    environ = {"PEERCYCLE_DISABLE_PLUGINS": "other, bad"} if how == "variable" else {}
    plugins = Plugins.load(builtin=False, disabled=names, environ=environ)
    assert plugins.problems == ()
    assert [(e["name"], e["state"]) for e in plugins.describe()] == [("bad", "disabled")]


def test_a_misspelt_hook_is_an_error_where_the_plugin_was_named() -> None:
    class Misspelt:
        @hookimpl
        def registre_rewards(self, register: Any) -> None: ...

    with pytest.raises(PluginError, match=r"plugin 'Misspelt'.*'registre_rewards'.*did you mean 'register_rewards'"):
        load(Misspelt())


def test_a_single_file_is_a_plugin_however_its_path_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(dedent(REWARD.format(name="short", value=7)), encoding="utf-8")
    plugins = load(files=[str(file)])
    assert plugins.create("rewards", "short") == 7
    before = plugins.versions()["mine"]
    monkeypatch.chdir(tmp_path)
    assert load(files=["mine.py"]).versions() == load(files=["./mine.py"]).versions() == plugins.versions()
    file.write_text(file.read_text() + "\n# changed\n", encoding="utf-8")
    assert load(files=[str(file)]).versions()["mine"] != before


def test_a_file_that_is_missing_or_broken_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"plugin file .*mine\.py' cannot be read: No such file"):
        load(files=[str(tmp_path / "mine.py")])
    (tmp_path / "mine.py").write_text("1 / 0", encoding="utf-8")
    broken = (
        r"plugin 'mine' .*failed to load: ZeroDivisionError: division by zero\. .*-p no:mine\) to go on without it"
    )
    with pytest.raises(PluginError, match=broken):
        load(files=[str(tmp_path / "mine.py")])
    assert "mine" not in load(files=[str(tmp_path / "mine.py")], disabled=["mine"]).versions()


def test_two_plugins_of_one_name_are_both_kept(install: Install) -> None:
    install("peercycle-a", "1", "same", REWARD.format(name="a", value=1))
    install("peercycle-b", "1", "same", REWARD.format(name="b", value=2))
    plugins = Plugins.load(Shortest(), Shortest(), builtin=False, environ={})
    names = [entry["name"] for entry in plugins.describe()]
    assert names == ["same", "peercycle-b:same", "shortest-plugin", "shortest-plugin#2"]


# ------------------------------------------------------------------------------------------- versions


@pytest.mark.parametrize(
    ("required", "says"),
    [
        ("1", None),
        ("1.0", None),
        ("1.9", "was written for plugin API 1.9, and this is API 1.0: it needs a newer peercycle"),
        ("2", "was written for plugin API 2, and this is API 1.0: it needs a newer peercycle"),
        ("0", "was written for plugin API 0, and this is API 1.0: it needs a newer version of the plugin"),
        (1, "has requires_api = 1; it should be a string such as '1'"),
    ],
)
def test_requires_api_guards_versions(required: object, says: str | None) -> None:
    plugin = Shortest()
    plugin.requires_api = required  # type: ignore[attr-defined]
    if says is None:
        assert load(plugin).names("rewards") == ("shortest",)
    else:
        with pytest.raises(PluginError) as caught:
            load(plugin)
        assert says in str(caught.value)


# ----------------------------------------------------------------------------------------- components


def test_an_unknown_name_lists_the_nearest_and_all() -> None:
    with pytest.raises(UnknownNameError, match=r"'shortst'; did you mean 'shortest'\? Known rewards: shortest\."):
        load(Shortest()).find("rewards", "shortst")


def test_an_unknown_kind_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no kind of component is called 'reward'"):
        load().names("reward")  # type: ignore[arg-type]


def test_a_name_registered_twice_is_an_error_when_it_is_asked_for(install: Install) -> None:
    install("peercycle-a", "1", "one", REWARD.format(name="same", value=1))
    install("peercycle-b", "2", "two", REWARD.format(name="same", value=2))
    plugins = Plugins.load(builtin=False, environ={})
    assert plugins.problems == ()
    assert plugins.names("rewards") == ("peercycle-a:same", "peercycle-b:same")
    with pytest.raises(PluginConflictError) as caught:
        plugins.create("rewards", "same")
    assert str(caught.value) == (
        "reward 'same' is registered by plugin 'one' of peercycle-a 1 and plugin 'two' of peercycle-b 2;"
        " say 'peercycle-a:same' or 'peercycle-b:same'"
    )
    assert [plugins.create("rewards", name) for name in plugins.names("rewards")] == [1, 2]
    assert plugins.create("rewards", "two:same") == 2


def test_settings_are_validated_and_errors_name_key_and_plugin() -> None:
    plugins = load(Shortest())
    assert plugins.create("rewards", "shortest", {"depth": "3"}) == Depth(depth=3)
    with pytest.raises(
        SettingsError, match=r"unknown setting 'dept' of reward 'shortest' \(plugin 'shortest-plugin'\)"
    ):
        plugins.create("rewards", "shortest", {"dept": 3})
    with pytest.raises(
        SettingsError, match=r"setting 'depth' of reward .* is 'deep': Input should be a valid integer"
    ):
        plugins.create("rewards", "shortest", {"depth": "deep"})


def test_a_secret_is_not_shown_in_an_error() -> None:
    with pytest.raises(SettingsError) as caught:
        load(Shortest()).create("rewards", "shortest", {"api_key": "hunter2"})
    assert "hunter2" not in str(caught.value)


class Raises:
    @hookimpl
    def register_rewards(self, register: Any) -> None:
        def odd(settings: Any) -> Any:
            raise RuntimeError("no luck")

        def ours(settings: Any) -> Any:
            raise UsageError("give it a key")

        register("odd", odd)
        register("ours", ours)


def test_a_factory_that_raises_names_its_plugin_and_the_way_on() -> None:
    plugins = load(Raises())
    with pytest.raises(
        PluginError, match=r"reward 'odd' \(plugin 'Raises'\) failed: RuntimeError: no luck.*no:Raises"
    ):
        plugins.create("rewards", "odd")
    with pytest.raises(UsageError, match="give it a key") as caught:
        plugins.create("rewards", "ours")
    assert "plugin 'Raises'" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("a b", print), "reward name 'a b' is not letters"),
        (("a", 3), "the factory of reward 'a' is 3"),
        (("a", print, dict), "the settings model of reward 'a' is <class 'dict'>"),
        (("good", print), "reward 'good' is registered twice"),
    ],
)
def test_a_senseless_registration_is_a_problem_and_what_came_before_stays(arguments: Any, says: str) -> None:
    class Senseless:
        @hookimpl
        def register_rewards(self, register: Any) -> None:
            register("good", lambda settings: 1)
            register(*arguments)

    plugins = load(Senseless())
    assert plugins.names("rewards") == ("good",)
    assert says in plugins.problems[0].message
    assert "failed in register_rewards" in plugins.problems[0].message


# ----------------------------------------------------------------------------------------------- hooks


class View:
    """What one plugin sees of a builder that knows who is speaking."""

    def __init__(self, log: list[tuple[str, str]], plugin: str) -> None:
        self.log, self.plugin = log, plugin

    def add_stage(self, stage: Any, **_: Any) -> None:
        self.log.append((self.plugin, stage))


class Builder:
    def __init__(self) -> None:
        self.log: list[tuple[str, str]] = []

    def for_plugin(self, name: str) -> GraphBuilder:
        return View(self.log, name)  # type: ignore[return-value]


class Adds:
    def __init__(self, name: str) -> None:
        self.name = name

    @hookimpl
    def extend_graph(self, builder: Any) -> None:
        builder.add_stage("stage")


class AddsFirst(Adds):
    @hookimpl(tryfirst=True)
    def extend_graph(self, builder: Any) -> None:
        builder.add_stage("first")


def test_the_builder_knows_which_plugin_is_speaking_and_order_is_that_of_loading() -> None:
    builder = Builder()
    load(Adds("one"), Adds("two"), AddsFirst("three")).extend_graph(builder)
    assert builder.log == [("three", "first"), ("one", "stage"), ("two", "stage")]


def test_an_error_in_extend_graph_names_the_plugin() -> None:
    class Fails:
        @hookimpl
        def extend_graph(self, builder: Any) -> None:
            raise KeyError("outline")

    with pytest.raises(PluginError, match=r"plugin 'Fails' .*failed in extend_graph: KeyError: 'outline'"):
        load(Adds("one"), Fails()).extend_graph(Builder())


def test_commands_that_fail_do_not_take_the_tool_down() -> None:
    class Bad:
        @hookimpl
        def register_commands(self, app: Any) -> None:
            raise RuntimeError("no")

    class Good:
        @hookimpl
        def register_commands(self, app: Any) -> None:
            app.append("good")

    app: list[str] = []
    plugins = load(Bad(), Good())
    plugins.register_commands(app)  # type: ignore[arg-type]
    assert app == ["good"]
    assert "failed in register_commands: RuntimeError: no" in plugins.problems[0].message


def test_tracing_says_hook_plugin_and_result(capsys: pytest.CaptureFixture[str]) -> None:
    load(Shortest(), environ={"PEERCYCLE_TRACE_PLUGINS": "1"}).names("rewards")
    assert capsys.readouterr().err == "peercycle: register_rewards: shortest-plugin -> None\n"
    load(Shortest()).names("rewards")
    assert capsys.readouterr().err == ""


def test_describe_and_show_are_json() -> None:
    plugins = load(Shortest())
    (entry,) = json.loads(json.dumps(plugins.describe()))
    assert entry["hooks"] == ["register_rewards"]
    assert entry["registrations"] == {"rewards": ["shortest"]}
    assert entry["problem"] is None
    shown = json.loads(json.dumps(plugins.show("shortest-plugin")))
    assert shown["settings"]["rewards"]["shortest"]["properties"]["depth"]["default"] == 1
    with pytest.raises(UnknownNameError, match="found: shortest-plugin"):
        plugins.show("other")


def test_loading_plugins_for_their_commands_does_not_wait_for_pydantic() -> None:
    code = (
        "import sys; from peercycle.plugins.manager import Plugins\n"
        "plugins = Plugins.load(entry_points=False); plugins.register_commands(None)\n"
        "sys.exit('pydantic' in sys.modules or 'langgraph' in sys.modules)"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True)


def test_asking_what_is_on_offer_imports_settings_and_no_component() -> None:
    components = (
        "peercycle.agents.reviewers.rubric.reviewer",
        "peercycle.agents.policies.extractive.policy",
        "peercycle.agents.literature.local.source",
        "peercycle.sandbox.bubblewrap",
        "numpy",
        "docker",
    )
    program = (
        "import sys; from peercycle.plugins.manager import KINDS, Plugins\n"
        "plugins = Plugins.load(entry_points=False, environ={})\n"
        "print(sum(len(plugins.names(kind)) for kind in KINDS), *sorted(sys.modules.keys() & set(sys.argv[1:])))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, *components], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) > 20
