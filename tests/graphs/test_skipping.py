"""Stages that are left out, candidates that are all judged, and a trained policy by its name."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peercycle import hookimpl
from peercycle.core.base import Word, sha256_hex
from peercycle.core.contracts import StageContext, Turn, Work
from peercycle.core.errors import UnknownNameError, UsageError
from peercycle.core.modelling import Completion, ModelRequest, ModelResult, Usage
from peercycle.core.runs import ModelChoice, RunOptions
from peercycle.core.training import PolicyCheckpoint
from peercycle.core.writing import Manuscript, ResearchTask
from peercycle.graphs import launch
from peercycle.graphs.driver import resume, start
from peercycle.graphs.fingerprint import fingerprint
from peercycle.graphs.replay import replay
from peercycle.graphs.trained import use_trained
from peercycle.plugins.manager import Plugins
from peercycle.store.directory import read_run
from peercycle.store.policies import write_policy

Options = Callable[..., RunOptions]
Kit = Callable[..., Plugins]

WITHOUT = ("literature", "outline", "related", "plan", "experiment", "conclude", "check")


class Echo:
    """A policy that needs no stage before it writes."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    async def write(self, work: Work, ctx: StageContext) -> Turn[Manuscript]:
        request = ModelRequest(prompt_token_ids=(1, 2, 3))
        (result,) = await ctx.model("policy").generate([request])
        return Turn(Manuscript(title=f"{self.settings.greeting} {result.text}", abstract=ctx.candidate))


class Named:
    def __init__(self, settings: Any) -> None:
        self.settings = settings

    async def generate(self, requests: Any) -> list[ModelResult]:
        said = (Completion(text=f"from {Path(self.settings.model).name}"),)
        return [ModelResult(completions=said) for _ in requests]

    def worst_case(self, request: ModelRequest) -> Usage:
        return Usage(model_calls=1)


class Extra:
    @hookimpl
    def register_policies(self, register: Any) -> None:
        class EchoSettings(Word):
            greeting: str = "hello"

        register("echo", Echo, EchoSettings)

    @hookimpl
    def register_models(self, register: Any) -> None:
        class NamedSettings(Word):
            model: str
            speed: int = 1

        register("transformers", Named, NamedSettings)
        register("vllm", Named, NamedSettings)
        register("named", Named, NamedSettings)


def quick(options: Options, **changes: Any) -> RunOptions:
    model = ModelChoice(name="named", settings={"model": "folder"})
    given = {"policy": "echo", "rounds": 0, "exporters": (), "skip": WITHOUT, "models": {"default": model}}
    return options(**{**given, **changes})


def stages_of(path: Path, candidate: str) -> list[str]:
    events = asyncio.run(read_run(path).events(kinds=("stage_finished",)))
    return [event.stage for _, event in events if event.candidate == candidate]


def test_a_run_without_its_unneeded_stages_does_the_others_and_replays(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    plugins = kit(Extra())
    result = asyncio.run(start(task, quick(options), plugins))
    assert (result.status, result.reason) == ("finished", "round_limit")
    assert stages_of(result.path, "c0") == stages_of(result.path, "c1") == ["write", "review"]
    assert result.paper is not None
    assert result.paper.title == "hello from folder"
    report = asyncio.run(replay(result.path, kit(Extra())))
    assert report.versions == 2
    assert report.differences == ()


def test_only_the_stages_named_are_left_out_and_an_empty_plan_still_skips_its_experiments(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    given = {
        "skip": ("related", "check"),
        "rounds": 1,
        "settings": {"policies": {"kit-policy": {"experiments": False}}},
    }
    result = asyncio.run(start(task, options(**given), kit()))
    assert result.status == "finished", result.message
    (best,) = {row.candidate for row in result.candidates if row.round == 1}
    draft, improve = ["outline", "write", "plan", "conclude", "review"], ["revise", "plan", "conclude", "review"]
    assert stages_of(result.path, best) == draft + improve


@pytest.mark.parametrize(
    ("skip", "said"), [(("write",), "'write' cannot be skipped"), (("conclude",), "cannot revise")]
)
def test_what_a_run_cannot_do_without_is_refused_before_it_begins(
    task: ResearchTask, options: Options, kit: Kit, skip: tuple[str, ...], said: str
) -> None:
    chosen = options(skip=skip)
    with pytest.raises(UsageError, match=said):
        asyncio.run(start(task, chosen, kit()))
    assert not Path(chosen.runs_dir, "r1").exists()


def test_what_is_skipped_is_part_of_the_fingerprint_and_nothing_skipped_changes_none(
    options: Options, kit: Kit
) -> None:
    whole, part = (fingerprint(each, "task", kit()) for each in (options(), options(skip=("check",))))
    assert "skip" not in whole
    assert part["skip"] == ["check"]


def test_a_judge_of_every_candidate_judges_each_once_and_steers_nothing(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    ratings = {"kit-judge": {"ratings": {"c0": 3, "c1": 6}}, "kit-other-judge": {"ratings": {"c0": 9, "c1": 1}}}
    chosen = options(judge="kit-other-judge", judged="every", rounds=0, settings={"reviewers": ratings})
    result = asyncio.run(start(task, chosen, kit()))
    reader = read_run(result.path)
    rows = asyncio.run(reader.rows("assessments"))
    judged = {row["candidate"]: row["reward"] for row in rows if row["role"] == "judge"}
    assert judged == {"c0": 9.0, "c1": 1.0}
    assert [row.candidate for row in result.candidates if row.selected] == ["c1"]
    assert result.rating == 1.0
    effects = [row for row in asyncio.run(reader.rows("effects")) if row["kind"] == "judge"]
    assert sorted(row["stage"] for row in effects) == ["judge", "judge", "review", "review"]


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    folder = tmp_path / "policies" / "better"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    record = PolicyCheckpoint(
        name="better",
        policy="echo",
        settings={"greeting": "good day"},
        base_model="tiny",
        weights="model.safetensors",
        weights_sha256=sha256_hex(b"weights"),
    )
    write_policy(folder, record)
    return tmp_path / "policies"


def test_a_trained_policy_runs_by_its_name_with_its_settings_and_its_weights(
    task: ResearchTask, options: Options, kit: Kit, registry: Path
) -> None:
    chosen = quick(options, policy="better", policies_dir=str(registry), models={})
    result = asyncio.run(start(task, chosen, kit(Extra())))
    assert result.paper is not None
    assert result.paper.title == "good day from better"
    record = asyncio.run(read_run(result.path).record())
    assert record.options.policy == "echo"
    assert record.fingerprint["checkpoint"] == f"better@{sha256_hex(b'weights')}"
    assert record.choices[0].startswith("policy: better, trained: echo on weights ")
    # Resumed, it is what it was, wherever the registry is by now.
    assert asyncio.run(resume(result.path, kit(Extra()))).status == "finished"


def test_a_plugin_goes_before_a_trained_policy_of_its_name(options: Options, kit: Kit, registry: Path) -> None:
    (registry / "better").rename(registry / "echo")
    chosen, line = use_trained(quick(options, policy="echo", policies_dir=str(registry)), kit(Extra()))
    assert (chosen.checkpoint, line) == (None, "")


def test_a_name_that_is_neither_names_what_there_is_of_both(options: Options, kit: Kit, registry: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"no policy is called 'bettr'.*Trained policies.*better"):
        use_trained(quick(options, policy="bettr", policies_dir=str(registry)), kit(Extra()))


def test_an_engine_named_without_a_model_serves_the_weights_and_another_model_keeps_its_roles(
    options: Options, kit: Kit, registry: Path
) -> None:
    bare = ModelChoice(name="vllm", settings={"speed": 2})
    chosen, _ = use_trained(
        quick(options, policy="better", policies_dir=str(registry), models={"default": bare}), kit(Extra())
    )
    served = ModelChoice(name="vllm", settings={"speed": 2, "model": str(registry / "better")})
    assert chosen.models == {"policy": served, "default": served}
    other = ModelChoice(name="named", settings={"model": "reviewers"})
    chosen, _ = use_trained(
        quick(options, policy="better", policies_dir=str(registry), models={"default": other}), kit(Extra())
    )
    assert chosen.models["default"] == other
    assert chosen.models["policy"].name == "transformers"


def test_the_weights_of_a_trained_policy_are_hashed_outside_the_loop(
    options: Options, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_main_thread: list[bool] = []

    def noted(given: RunOptions, plugins: Plugins) -> tuple[RunOptions, str]:
        in_main_thread.append(threading.current_thread() is threading.main_thread())
        return use_trained(given, plugins)

    monkeypatch.setattr(launch, "use_trained", noted)
    asyncio.run(launch.resolve(options(), kit()))
    assert in_main_thread == [False]
