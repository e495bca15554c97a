"""Settings from a file, the environment and the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from peercycle.core.errors import SettingsError
from peercycle.core.settings import load_settings

FILE = """
[policies.prompted]
temperature = 0.4
top_p = 0.9

[rewards.mean-rating]
floor = 2

[run]
rounds = 3

[run.budget]
tokens = 1000

[models.default]
name = "scripted"

[models.default.settings]
answers = ["a"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "peercycle.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def test_the_environment_wins_over_the_file_and_set_over_both(file: Path) -> None:
    variable = "PEERCYCLE_POLICIES__PROMPTED__TEMPERATURE"
    assert load_settings(file, {}).component("policies", "prompted")["temperature"] == 0.4
    assert load_settings(file, {variable: "0.5"}).component("policies", "prompted")["temperature"] == 0.5
    settings = load_settings(file, {variable: "0.5"}, ["policies.prompted.temperature=0.6"])
    assert settings.component("policies", "prompted") == {"temperature": 0.6, "top_p": 0.9}
    assert settings.source("policies", "prompted", "temperature") == "--set policies.prompted.temperature"
    assert settings.source("policies", "prompted", "top_p") == str(file)
    assert settings.source("policies", "extractive", "seed") == "default"


def test_a_variable_names_a_component_with_a_hyphen(file: Path) -> None:
    settings = load_settings(file, {"PEERCYCLE_REWARDS__MEAN_RATING__FLOOR": "3"})
    assert settings.components["rewards"] == {"mean-rating": {"floor": 3}}
    alone = load_settings(None, {"PEERCYCLE_REWARDS__MEAN_RATING__FLOOR": "3"})
    assert alone.component("rewards", "mean-rating") == {"floor": 3}


def test_run_and_models_have_tables_of_their_own(file: Path) -> None:
    settings = load_settings(file, {"PEERCYCLE_RUN__BUDGET__TOKENS": "50"}, ["run.candidates=2"])
    assert settings.run == {"rounds": 3, "budget": {"tokens": 50}, "candidates": 2}
    assert settings.models["default"] == {"name": "scripted", "settings": {"answers": ["a"]}}


def test_a_model_given_as_a_word_replaces_the_role_whole(file: Path) -> None:
    settings = load_settings(file, {}, ["models.default=openai/x"])
    assert settings.models == {"default": {"name": "openai/x"}}
    assert settings.source("models", "default", "settings") == "default"


def test_what_is_set_beside_a_model_that_is_named_elsewhere_is_that_models(tmp_path: Path) -> None:
    path = tmp_path / "peercycle.toml"

    def models(toml: str, environ: dict[str, str], overrides: list[str], named: dict[str, str]) -> Any:
        path.write_text(toml)
        return load_settings(path, environ, overrides, named).models

    priced = ["models.default.prompt_price=2", "models.reviewer.settings.retries=7"]
    flags = {"default": "openai/x", "reviewer": "openai/r"}
    chosen: dict[str, dict[str, Any]] = {
        "default": {"name": "openai/x", "prompt_price": 2},
        "reviewer": {"name": "openai/r", "settings": {"retries": 7}},
    }
    assert models("", {}, priced, flags) == chosen
    # Prices and settings of another model would be wrong for this one; those of no name are for whichever is named.
    other = '[models.default]\nname = "openai/other"\nprompt_price = 9\ncompletion_price = 9\n'
    assert models(other, {}, priced, flags) == chosen
    assert models(other, {}, ["models.default=openai/z"], flags)["default"] == {"name": "openai/x"}
    nameless = "[models.default]\ncompletion_price = 9\n"
    assert models(nameless, {}, priced, flags)["default"] == {**chosen["default"], "completion_price": 9}
    variables = {"PEERCYCLE_MODEL": "openai/v", "PEERCYCLE_MODELS__DEFAULT__PROMPT_PRICE": "3"}
    assert models(other, variables, [], {}) == {"default": {"name": "openai/v", "prompt_price": 3}}
    assert models(other, variables, [], {"default": "openai/other"}) == {"default": {"name": "openai/other"}}


def test_a_flag_forgets_the_model_of_a_role_however_its_name_was_written(tmp_path: Path) -> None:
    path = tmp_path / "peercycle.toml"
    path.write_text('[models.my-judge]\nname = "x/a"\nprompt_price = 1.0\n[models.default]\nname = ["a"]\n')
    settings = load_settings(path, {}, ["models.my-judge=x/c"], {"my_judge": "x/b", "default": "x/d"})
    assert settings.models == {"my-judge": {"name": "x/b"}, "default": {"name": "x/d"}}
    with pytest.raises(SettingsError, match=r"'models\.default\.name' is \['a'\]: Input should be a valid string"):
        load_settings(path, {})


@pytest.mark.parametrize("value", ['{"prompt_price":2.5}', "5"])
def test_what_is_no_name_is_refused_beside_a_flag_too(value: str) -> None:
    with pytest.raises(SettingsError, match=r"'models\.default' cannot be .*; settings are models\.ROLE\.KEY"):
        load_settings(None, {}, [f"models.default={value}"], {"default": "openai/a"})


def test_a_price_without_a_model_stops_only_who_would_ask_one() -> None:
    settings = load_settings(None, {}, ["models.default.prompt_price=2"])
    said = "--set models.default.prompt_price: is set for a model that nothing names; add --model BACKEND/MODEL"
    with pytest.raises(SettingsError, match=said):
        settings.require_named()
    load_settings(None, {}, ["models.default={}"]).require_named()
    with pytest.raises(
        SettingsError, match=r"'models\.default\.prompt_price' is 'much': Input should be a valid number"
    ):
        load_settings(None, {}, ["models.default.prompt_price=much"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.4", 0.4),
        ("true", True),
        ("[1, 2]", [1, 2]),
        ('"3"', "3"),
        ("deep", "deep"),
        ("", ""),
        ("NaN", "NaN"),
        ("a=b", "a=b"),
    ],
)
def test_a_value_is_json_or_else_a_string(text: str, value: object) -> None:
    assert load_settings(None, {}, [f"policies.p.x={text}"]).component("policies", "p") == {"x": value}


def test_a_name_with_a_dot_is_quoted() -> None:
    assert load_settings(None, {}, ['policies."a.b".x=1']).components == {"policies": {"a.b": {"x": 1}}}


def test_variables_without_a_double_underscore_are_not_settings() -> None:
    environ = {"PEERCYCLE_PLUGINS": "x", "PEERCYCLE_TRACE_PLUGINS": "1", "HOME__X": "y"}
    settings = load_settings(None, environ)
    assert (settings.components, settings.run, settings.models) == ({}, {}, {})


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("polices.x.y=1", r"--set polices\.x\.y: no settings table is called 'polices'; did you mean 'policies'"),
        ("run.round=1", r"no setting is called 'run\.round'; did you mean 'rounds'"),
        ("run.rounds=-1", r"'run\.rounds' is -1: Input should be greater than or equal to 0"),
        ("run.budget.tokens=x", r"'run\.budget\.tokens' is 'x'"),
        ("policies.x=3", r"'policies\.x' cannot be 3; settings are policies\.NAME\.KEY"),
        ("run=3", r"settings are run\.KEY"),
        ("models.default.cost=1", r"no setting is called 'models\.default\.cost'; there are name, settings"),
        ("rounds", r"--set 'rounds' has no '='"),
        ("a b=1", r"'a b' is no dotted key"),
        ("=1", r"'' is no dotted key"),
    ],
)
def test_a_bad_override_says_what_to_write(override: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        load_settings(None, {}, [override])


def test_errors_name_the_variable_and_the_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"PEERCYCLE_POLICES__X__Y: no settings table"):
        load_settings(None, {"PEERCYCLE_POLICES__X__Y": "1"})
    path = tmp_path / "peercycle.toml"
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load_settings(path, {})
    path.write_text("[polices.x]\ny = 1\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"peercycle\.toml: no settings table is called 'polices'"):
        load_settings(path, {})
    path.write_text("[policies\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"is not TOML: .*line 1"):
        load_settings(path, {})
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="is not UTF-8"):
        load_settings(path, {})
    path.write_text("[policies.x]\nd = 2020-01-01\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="which is no JSON value"):
        load_settings(path, {})


def test_settings_for_what_nobody_offers_are_listed(file: Path) -> None:
    settings = load_settings(file, {})
    lines = settings.unknown({"policies": ["prompted"], "rewards": ["mean_rating"]})
    assert lines == ()
    (line,) = settings.unknown({"policies": ["prompter"], "rewards": ["peercycle:mean-rating"]})
    assert line == f"settings for policies.prompted ({file}), which no plugin offers; did you mean 'prompter'?"
