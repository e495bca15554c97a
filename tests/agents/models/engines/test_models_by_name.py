"""Models named on the command line, in settings and in the environment, and what is said of a run that used them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peercycle.cli.configuring import choose_options, named_models
from peercycle.core.errors import SettingsError
from peercycle.core.runs import RunOptions
from peercycle.core.settings import load_settings
from peercycle.graphs.driver import start
from peercycle.graphs.settings import backend_of
from peercycle.plugins.manager import Plugins

TOML = """
[run]
policy = "prompted"
reviewer = "prompted"
judge = "prompted"
experiments = "off"
sandbox = "none"
exporters = ["report"]

[models]
default = "openai/writer"

[models.judge]
name = "openai/judge"
prompt_price = 2.0
completion_price = 4.0

[models.openai]
base_url = "{url}"
retries = 1

[policies.prompted]
answer_tokens = 1200
context_tokens = 6000
section_characters = 80
sections = 2

[reviewers.prompted]
answer_tokens = 1200
context_tokens = 8000
reviewers = 2
"""


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Any]:
    """Run a command in a folder of its own; return its exit code and what it printed."""
    from peercycle.cli.main import main

    monkeypatch.chdir(tmp_path)
    (tmp_path / "refs.bib").write_text("@article{a1, title = {Learning from preferences}, abstract = {Pairs.}}")

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(list(arguments))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_each_role_asks_its_model_and_the_curve_is_said_and_kept(
    fake_server: Any, fitting_server: Any, command: Callable[..., Any], tmp_path: Path
) -> None:
    fake_server.script = [fitting_server]
    (tmp_path / "peercycle.toml").write_text(TOML.format(url=fake_server.url))
    code, out, err = command(
        *("run", "refs.bib", "--topic", "preferences", "--run-id", "r1", "--rounds", "0"),
        *("--candidates", "3", "--curve", "--model-role", "reviewer=openai/reviewer"),
    )
    assert code == 0, out + err
    asked = {body["model"] for _, body, _ in fake_server.asked}
    assert asked == {"writer", "reviewer", "judge"}
    assert [line for line in out.splitlines() if line.startswith("  n = ")] == [
        f"  n = {n}: selector {_one(out, n)[0]}, judge {_one(out, n)[1]}" for n in (1, 2, 3)
    ]
    report = json.loads((tmp_path / "runs" / "r1" / "report.json").read_text())
    assert [point["n"] for point in report["best_of_n"]] == [1, 2, 3]
    assert all(point["judge"] is not None for point in report["best_of_n"])
    assert "Best of n drafts" in (tmp_path / "runs" / "r1" / "report.md").read_text()
    assert report["cost"] is None, "the writer has no price, so the sum has none"
    engine = [row["engine_seconds"] for row in report["spending_by_stage"]]
    assert set(engine) == {0.0}, "a server elsewhere has no engine seconds of ours"


def _one(out: str, n: int) -> tuple[str, str]:
    line = next(line for line in out.splitlines() if line.startswith(f"  n = {n}:"))
    selector, judge = line.split(":", 1)[1].split(", judge ")
    return selector.removeprefix(" selector "), judge


def chosen(
    tmp_path: Path, environ: dict[str, str], *overrides: str, toml: str = "", named: dict[str, str] | None = None
) -> RunOptions:
    path = tmp_path / "peercycle.toml"
    path.write_text(toml)
    settings = load_settings(path, environ, overrides, named)
    return choose_options({}, settings, Plugins.load(entry_points=False, environ={}))


def test_flag_variable_and_file_name_a_model_and_the_nearer_wins(
    tmp_path: Path,
) -> None:
    toml = '[models]\ndefault = "openai/file"\ncoder = "openai/coder"\n'
    assert {r: m.name for r, m in chosen(tmp_path, {}, toml=toml).models.items()} == {
        "default": "openai/file",
        "coder": "openai/coder",
    }
    variable = {"PEERCYCLE_MODEL": "openai/variable"}
    assert chosen(tmp_path, variable, toml=toml).models["default"].name == "openai/variable"
    flagged = chosen(tmp_path, variable, toml=toml, named=named_models("openai/flag", ["judge=vllm//weights/x"]))
    assert (flagged.models["default"].name, flagged.models["judge"].name) == ("openai/flag", "vllm//weights/x")


def test_a_role_that_nothing_asks_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    named_models(None, ["reviewer=openai/r"])
    assert capsys.readouterr().err == ""
    named_models(None, ["reviever=openai/r"])
    assert "peercycle has no role 'reviever', only default, policy, coder" in capsys.readouterr().err


def test_prices_for_whichever_model_a_run_names_stop_no_other_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[..., Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    toml = "[models.default]\nprompt_price = 1.0\n"
    assert chosen(tmp_path, {}, toml=toml, named={"default": "openai/m"}).models["default"].prompt_price == 1
    with pytest.raises(SettingsError, match="a model that nothing names; add --model"):
        chosen(tmp_path, {}, toml=toml)
    code, out, err = command("plugins")
    assert (code, err) == (0, ""), out


def test_what_a_backend_shares_reaches_each_of_its_models_and_a_roles_own_goes_before(tmp_path: Path) -> None:
    toml = """
[models.openai]
base_url = "http://localhost:1/v1"
retries = 1
[models.judge]
name = "openai/j"
[models.judge.settings]
retries = 7
"""
    options = chosen(
        tmp_path,
        {"PEERCYCLE_MODELS__OPENAI__READ_TIMEOUT_S": "9"},
        "models.openai.max_concurrency=3",
        toml=toml,
        named={"default": "openai/m"},
    )
    shared = {"base_url": "http://localhost:1/v1", "retries": 1, "read_timeout_s": 9, "max_concurrency": 3}
    assert backend_of(options.models["default"], options) == ("openai", {**shared, "model": "m"})
    assert backend_of(options.models["judge"], options) == ("openai", {**shared, "retries": 7, "model": "j"})
    with pytest.raises(SettingsError, match=r"models\.opnai .*did you mean 'openai'\?; for a role, name its model"):
        chosen(tmp_path, {}, "models.opnai.base_url=x")


def test_a_folder_is_named_as_it_is_written() -> None:
    options = RunOptions.model_validate({"models": {"default": "vllm/weights/mine", "judge": "transformers//a/b"}})
    named = {role: backend_of(choice, options) for role, choice in options.models.items()}
    assert named == {
        "default": ("vllm", {"model": "weights/mine"}),
        "judge": ("transformers", {"model": "/a/b"}),
    }
    assert RunOptions.model_validate({"models": "scripted"}).models["default"].name == "scripted"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("gpt-4", ": write BACKEND/MODEL, such as openai/gpt-4; backends are openai, replay, scripted"),
        ("openai:gpt-4", ": write BACKEND/MODEL, such as openai/gpt-4; "),
        ("meta-llama/Llama-3", ": write BACKEND/MODEL, such as openai/meta-llama/Llama-3; "),
        ("opnai/gpt-4", "; did you mean 'openai'?; backends are openai, "),
    ],
)
def test_a_model_without_a_backend_is_told_how_models_are_named(
    given: str, says: str, command: Callable[..., Any]
) -> None:
    code, out, err = command("run", "refs.bib", "--topic", "preferences", "--model", given)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"error: model {given!r} names no backend{says}" in err


@pytest.mark.parametrize(
    "settings",
    [
        ("--set", "models.openai.base_url=localhost:8080"),
        ("--set", 'models.scripted.answers=[{"when": "("}]', "--model-role", "reviewer=scripted"),
        ("--set", "models.default.prompt_price=much"),
    ],
)
def test_a_setting_to_mend_is_told_in_one_line_without_the_words_of_our_own_machinery(
    settings: tuple[str, ...], command: Callable[..., Any]
) -> None:
    code, out, err = command("run", "refs.bib", "--topic", "preferences", "--model", "openai/m", *settings)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "factory" not in err
    assert "Value error" not in err


def test_a_price_given_beside_the_model_on_the_command_line_counts(
    fake_server: Any, fitting_server: Any, command: Callable[..., Any], tmp_path: Path
) -> None:
    fake_server.script = [fitting_server]
    code, out, err = command(
        *("run", "refs.bib", "--topic", "preferences", "--run-id", "r1", "--rounds", "0", "--candidates", "1"),
        *("--model", "openai/m", "--set", f"models.openai.base_url={fake_server.url}", "--max-cost", "50"),
        *("--set", "models.default.prompt_price=2", "--set", "models.default.completion_price=4"),
        *("--experiments", "off"),
    )
    assert code == 0, out + err
    cost = json.loads((tmp_path / "runs" / "r1" / "report.json").read_text())["cost"]
    calls = len(fake_server.asked)
    assert cost == pytest.approx(calls * (7 * 2 + 3 * 4) / 1e6)


def test_a_queue_keeps_its_engine_from_the_first_run_to_the_last(tmp_path: Path) -> None:
    from peercycle import hookimpl
    from peercycle.agents.models.scripted import ScriptedAnswer, ScriptedModel, ScriptedModelSettings
    from peercycle.core.writing import ResearchTask
    from peercycle.graphs.many import start_many

    life: list[str] = []

    class Engine(ScriptedModel):
        async def __aenter__(self) -> Engine:
            life.append("entered")
            return self

        async def __aexit__(self, *exc: object) -> None:
            life.append("left")

    class Offer:
        @hookimpl
        def register_models(self, register: Any) -> None:
            register("engine", Engine, ScriptedModelSettings)

    answers = [ScriptedAnswer(when="", text="Pairs.").model_dump(mode="json")]
    options = RunOptions.model_validate(
        {
            "runs_dir": str(tmp_path),
            "models": {"default": {"name": "engine", "settings": {"answers": answers}}},
            "policy": "direct",
            "experiments": "off",
            "sandbox": "none",
            "exporters": (),
            "literature": (),
            "rounds": 0,
        }
    )
    plugins = Plugins.load(Offer(), entry_points=False, environ={})
    tasks = [(ResearchTask(topic=f"task {n}"), options) for n in range(3)]
    outcomes = asyncio.run(start_many(tasks, plugins, parallel=1))
    assert [outcome.status for outcome in outcomes] == ["finished"] * 3, outcomes[0].message
    assert life == ["entered", "left"]
    asyncio.run(start(tasks[0][0], options, plugins))
    assert life == ["entered", "left"] * 2, "without a queue an engine lives as long as its run"
