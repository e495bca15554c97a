"""Statistics, tasks, settings and manifests of a loop, each by itself."""

from __future__ import annotations

import json
import random
import re
import sys
from pathlib import Path

import pytest

from peercycle.core.base import canonical_json
from peercycle.core.errors import (
    BadInputError,
    DamagedRunError,
    FingerprintError,
    LoopError,
    SettingsError,
    UnknownNameError,
    UsageError,
)
from peercycle.core.runs import RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.plugins.manager import Plugins
from peercycle.trainers.loop.jobs import RolloutJob, TrainJob, read_job
from peercycle.trainers.loop.manifest import FILE, Done, Manifest, Told, perform
from peercycle.trainers.loop.pairing import rewards_of
from peercycle.trainers.loop.processes import StayingSampler
from peercycle.trainers.loop.rollouts import Rollout
from peercycle.trainers.loop.settings import SampleSettings, choose_arm, read_loop
from peercycle.trainers.loop.starting import run_options
from peercycle.trainers.loop.statistics import paired_difference
from peercycle.trainers.loop.tasks import read_tasks, shard
from peercycle.trainers.pair_settings import Within

LOOP = """
name = "small"
[start]
base = "somewhere/model"
[tasks]
file = "tasks.jsonl"
[train.settings]
beta = 2.0
[arms.plain]
[arms.hotter]
iterations = 1
[arms.hotter.train.settings]
beta = 5.0
[arms.hotter.sample]
tasks = 9
[arms.told.train]
trainer = "sft"
settings = { epochs = 2.0 }
"""


def test_the_bootstrap_pairs_by_task_and_is_the_same_every_time() -> None:
    rng = random.Random(3)
    before = {f"t{n}": rng.random() for n in range(200)}
    after = {task: value + 0.1 + rng.gauss(0, 0.05) for task, value in before.items()}
    found = paired_difference({**after, "only here": 9.0}, before)
    assert found is not None
    assert found.n == 200
    assert 0.09 < found.low < found.mean < found.high < 0.11
    # 95 % of a normal mean: 1.96 standard errors to each side.
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.05 / 200**0.5, rel=0.15)
    assert paired_difference(after, before) == paired_difference(dict(reversed(after.items())), before)
    assert paired_difference({"a": 1.0}, {"b": 1.0}) is None


def test_of_intervals_of_95_percent_about_95_hold_the_truth() -> None:
    rng = random.Random(11)
    held = 0
    for _ in range(200):
        after = {str(n): rng.gauss(0.2, 1.0) for n in range(60)}
        found = paired_difference(after, dict.fromkeys(after, 0.0))
        assert found is not None
        held += found.low <= 0.2 <= found.high
    assert 180 <= held <= 198


def write_tasks(path: Path, many: int, *, backwards: bool = False) -> Path:
    lines = [canonical_json(ResearchTask(topic=f"topic {n}")) for n in range(many)]
    path.write_bytes(b"\n".join(reversed(lines) if backwards else lines) + b"\n")
    return path


def test_shuffled_rewards_stay_with_those_that_pairs_are_made_of() -> None:
    rows = [
        Rollout(run_id=f"r{run}", candidate=f"c{n}", task="t", status="complete", reward=float(10 * run + n))
        for run in range(20)
        for n in range(2)
    ]

    def dealt(within: Within) -> list[tuple[str, float]]:
        table = rewards_of(rows, shuffled=True, seed=1, within=within)
        return sorted((str(row["episode"]).partition("/")[0], float(str(row["reward"]))) for row in table)

    own = sorted((row.run_id, row.reward or 0.0) for row in rows)
    assert dealt("run") == own
    assert dealt("task") != own
    assert rewards_of(rows, shuffled=True, seed=1, within="run") != rewards_of(rows, shuffled=False, seed=1)


def test_tasks_are_split_by_their_hash_alone(tmp_path: Path) -> None:
    one = read_tasks(write_tasks(tmp_path / "one", 100), 0.2)
    other = read_tasks(write_tasks(tmp_path / "other", 100, backwards=True), 0.2)
    assert one == other
    assert 10 <= len(one.heldout) <= 30
    more = read_tasks(write_tasks(tmp_path / "more", 150), 0.2)
    assert {digest for digest, _ in one.heldout} <= {digest for digest, _ in more.heldout}


def test_no_task_serves_two_iterations_unless_it_may(tmp_path: Path) -> None:
    tasks = read_tasks(write_tasks(tmp_path / "tasks", 60), 0.2)
    sample = SampleSettings(tasks=len(tasks.train) // 3)
    shards = [{digest for digest, _ in shard(tasks, sample, iteration)} for iteration in (1, 2, 3)]
    assert len(set.union(*shards)) == 3 * sample.tasks
    assert not set.union(*shards) & {digest for digest, _ in tasks.heldout}
    with pytest.raises(UsageError, match=r"iteration 4 needs tasks .* set sample.reuse = true"):
        shard(tasks, sample, 4)
    assert len(shard(tasks, sample.model_copy(update={"reuse": True}), 4)) == sample.tasks


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}\n", "line 1: no research task: topic is missing$"),
        (
            '{"topic": "t", "topics": 1}\n',
            "line 1: no research task: topics: there is no such key; did you mean 'topic'",
        ),
        ("not JSON\n", "line 1: no research task: Invalid JSON"),
        ("", "both are needed"),
    ],
)
def test_tasks_that_are_none_are_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text(text)
    with pytest.raises(BadInputError, match=said):
        read_tasks(path, 0.2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("iteration = 2", "iteration: there is no such key; did you mean 'iterations'"),
        ("[sample]\ntask = 3", "sample.task: there is no such key; did you mean 'tasks'?"),
        (
            "[warmup]\ndemonstrations = 'd'\ntrane = 's'",
            "warmup.trane: there is no such key; did you mean 'trainer'?",
        ),
        ("[promote]\nqqq = 3", "promote.qqq: there is no such key; there are min_gain, sure, patience, "),
        ("[engine]\nsettings = {}", "engine.name is missing"),
        ("[run]\nseed = 3", "run: the loop itself sets seed"),
    ],
)
def test_a_key_that_is_unknown_or_wrong_is_named_with_the_nearest_ones(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "loop.toml").write_text(f"{text}\n{LOOP}" if "[" not in text else f"{LOOP}{text}\n")
    with pytest.raises(SettingsError, match=f"^{re.escape(str(tmp_path / 'loop.toml'))}: {re.escape(said)}"):
        read_loop(tmp_path / "loop.toml")


def test_fields_of_a_run_that_are_unknown_are_named_with_the_nearest_ones(tmp_path: Path) -> None:
    (tmp_path / "loop.toml").write_text(f"{LOOP}[run]\nreviwer = 'rubric'\n")
    settings = read_loop(tmp_path / "loop.toml")
    with pytest.raises(SettingsError, match=r"^run\.reviwer: there is no such key; did you mean 'reviewer'"):
        run_options(settings, "base")


def test_an_arm_is_its_own_settings_over_the_files(tmp_path: Path) -> None:
    (tmp_path / "loop.toml").write_text(LOOP)
    settings = read_loop(tmp_path / "loop.toml")
    assert settings.tasks.file == str(tmp_path / "tasks.jsonl")
    assert settings.start.base == "somewhere/model"
    hotter = choose_arm(settings, "hotter")
    assert (hotter.arm, hotter.iterations, hotter.sample.tasks) == ("hotter", 1, 9)
    assert hotter.train.settings == {"beta": 5.0}
    plain = choose_arm(settings, "plain")
    assert plain.model_copy(update={"arm": None, "arms": settings.arms}) == settings
    with pytest.raises(UnknownNameError, match="plain, hotter, told"):
        choose_arm(settings, "colder")


def test_an_arm_of_another_trainer_takes_none_of_the_settings_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "loop.toml").write_text(LOOP)
    told = choose_arm(read_loop(tmp_path / "loop.toml"), "told")
    assert (told.train.trainer, told.train.settings) == ("sft", {"epochs": 2.0})


@pytest.mark.parametrize("file", ["benchmarks/learning.toml", "examples/citing/loop.toml"])
def test_every_arm_that_is_shipped_has_settings_that_its_trainer_knows(repository: Path, file: str) -> None:
    settings = read_loop(repository / file)
    assert len(settings.arms) == 6
    plugins = Plugins.load(entry_points=False)
    for arm in settings.arms:
        train = choose_arm(settings, arm).train
        plugins.create("trainers", train.trainer, train.settings)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('name = "small"', 'name = "a/b"', "name: "),
        ("beta = 2.0", "beta = ", "is not TOML"),
        ("[train.settings]", "[train]\nstrategy = 1\n[train.settings]", "train.strategy"),
        ("[train.settings]", "[run]\nseed = 3\n[train.settings]", "the loop itself sets seed"),
        ("[train.settings]", '[train]\non = "demonstrations"\n[train.settings]', "needs \\[warmup\\]"),
        ("[arms.plain]", '[arms."a b"]', "arm 'a b'"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path: Path, before: str, after: str, said: str) -> None:
    (tmp_path / "loop.toml").write_text(LOOP.replace(before, after))
    with pytest.raises(SettingsError, match=said):
        read_loop(tmp_path / "loop.toml")


class Counting(Told):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def begun(self, step: str, iteration: int) -> None:
        self.heard.append(f"begun {step} {iteration}")

    def done(self, manifest: Manifest, *, fresh: bool) -> None:
        self.heard.append(f"done {manifest.step} {fresh}")


def write(out: Path) -> Done:
    (out / "made").write_text("made")
    return Done(("made",), {"sampled": 3}, {"pairs": 1})


def test_a_step_is_done_once_and_its_manifest_says_of_what(tmp_path: Path) -> None:
    told = Counting()
    first, manifest = (
        perform(tmp_path / "s", "pair", 1, {"rewards": "abc"}, {"margin": 0}, write, told) for _ in range(2)
    )
    assert first == manifest
    assert told.heard == ["begun pair 1", "done pair True", "done pair False"]
    assert json.loads((tmp_path / "s" / FILE).read_text())["inputs"] == {"rewards": "abc"}
    assert manifest.tokens == {"sampled": 3}
    with pytest.raises(FingerprintError, match=r"another input 'rewards', setting 'margin'"):
        perform(tmp_path / "s", "pair", 1, {"rewards": "abd"}, {"margin": 1}, write, told)


def test_a_step_that_fails_leaves_no_manifest_and_is_done_again(tmp_path: Path) -> None:
    def fail(out: Path) -> Done:
        (out / "half").write_text("half")
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        perform(tmp_path, "train", 1, {}, {}, fail, Told())
    assert not (tmp_path / FILE).exists()
    assert perform(tmp_path, "train", 1, {}, {}, write, Told()).outputs.keys() == {"made"}


@pytest.mark.parametrize("text", ["", "{}", '{"schema_version": 2}', "[1]"])
def test_a_manifest_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(DamagedRunError, match="no manifest"):
        perform(tmp_path, "pair", 1, {}, {}, write, Told())


def test_an_output_that_is_gone_or_changed_is_named(tmp_path: Path) -> None:
    perform(tmp_path, "pair", 1, {}, {}, write, Told())
    (tmp_path / "made").write_text("other")
    with pytest.raises(DamagedRunError, match="is not what the step wrote"):
        perform(tmp_path, "pair", 1, {}, {}, write, Told())
    (tmp_path / "made").unlink()
    with pytest.raises(DamagedRunError, match="is missing"):
        perform(tmp_path, "pair", 1, {}, {}, write, Told())


def test_a_job_is_read_as_it_was_written(tmp_path: Path) -> None:
    jobs = (
        TrainJob(folder="f", trainer="simpo", base="b", settings={"beta": 2.5}),
        RolloutJob(folder="f", options=RunOptions(), prefix="i001", parallel=2),
    )
    for job in jobs:
        (tmp_path / "job.json").write_text(job.model_dump_json())
        assert read_job(tmp_path / "job.json") == job
    (tmp_path / "job.json").write_text('{"kind": "other"}')
    with pytest.raises(BadInputError, match="no job of a loop"):
        read_job(tmp_path / "job.json")


def test_a_sampler_that_says_something_else_is_named_with_what_it_said(tmp_path: Path) -> None:
    torn = "import sys; sys.stdin.readline(); print('{\"code\": ', end='', flush=True)"
    sampler = StayingSampler([sys.executable, "-c", torn], tmp_path / "worker.log")
    job = RolloutJob(folder=str(tmp_path), options=RunOptions(), prefix="i001", parallel=1)
    with pytest.raises(LoopError, match=r"^the sampler said .*, which is no answer; see "):
        sampler.run(job)
    sampler.end()
