"""`loop.toml`: what is trained on what, by whom it is judged, and when it ends."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from peercycle.core.base import JSON, Word
from peercycle.core.errors import SettingsError, UnknownNameError
from peercycle.core.runs import ModelChoice
from peercycle.trainers.faults import fault_line
from peercycle.trainers.pair_settings import PairSettings


class StartSettings(Word):
    """The policy that the loop begins with."""

    base: str
    """A folder of weights, a name on the Hugging Face hub, or a trained policy of the registry."""
    policy: str = "direct"
    """The policy plugin that drives the weights."""
    settings: dict[str, JSON] = {}
    """The plugin's settings; they go into every checkpoint."""


class WarmupSettings(Word):
    """Supervised training before the first iteration: it makes the policy that every arm starts from."""

    demonstrations: str
    """JSON lines of conversations, `{"messages": […], "task": hash}`."""
    trainer: str = "sft"
    settings: dict[str, JSON] = {}


class TaskSettings(Word):
    """What is written about."""

    file: str
    """JSON lines of research tasks."""
    heldout: float = Field(default=0.1, gt=0, lt=1)
    """Share of the tasks that are never trained on: decided by the task's hash alone, and so for ever."""


class SampleSettings(Word):
    """Rollouts of one iteration."""

    tasks: int = Field(default=64, ge=1)
    """Tasks of one iteration; no task serves twice."""
    candidates: int = Field(default=4, ge=2, le=256)
    tokens: int | None = Field(default=None, ge=1)
    """Sampled tokens of one iteration: each task has its candidates, and then again, from the first task on, as near to
    the budget as whole runs come. So policies whose answers differ in length sample as much as each other. None is no budget."""
    parallel: int = Field(default=8, ge=1, le=256)
    """Runs at the same time, in the sampler's process."""
    reuse: bool = False
    """Begin with the first task again where they run out, instead of refusing."""
    stay: bool = False
    """Keep one sampler with its engine for the whole loop, and have the engine load each new policy: for engines that
    start slowly and can reload (`vllm` with `training = true`)."""
    least: float = Field(default=0.5, ge=0, le=1)
    """Share of the rollouts that must come to an end; below it the iteration is an error."""


class RewardSettings(Word):
    """From what the graph's reviewer said to what pairs are made by."""

    shuffled: bool = False
    """Deal a task's rewards out among its candidates at random: the control that must not learn."""


class TrainSettings(Word):
    """One iteration's training."""

    trainer: str = "simpo"
    on: Literal["pairs", "winners", "demonstrations"] = "pairs"
    """`winners` is expert iteration; `demonstrations` goes on with the warm-up's data and samples nothing."""
    settings: dict[str, JSON] = {}
    start: Literal["latest", "best", "first"] = "latest"
    """Which policy an iteration samples from and goes on with: the one before, the promoted one, or the first."""


class EvaluateSettings(Word):
    """How a policy is measured on held-out tasks."""

    tasks: int | None = Field(default=None, ge=1)
    """How many; None is all of them."""
    candidates: int = Field(default=1, ge=1, le=256)
    """Papers on each; a task counts with their mean."""
    every: int = Field(default=1, ge=1)
    """Iterations between two evaluations; the last one is evaluated in any case. Only what is evaluated is promoted."""


class PromoteSettings(Word):
    """Which policy is the best so far, and when the loop ends."""

    min_gain: float = 0.0
    """Least gain of the held-out mean, by the judge, over the best so far."""
    sure: bool = False
    """Ask that the lower end of the 95 % paired bootstrap be above `min_gain`, and not the mean alone."""
    patience: int = Field(default=2, ge=1)
    """Iterations in a row without a promotion after which the loop ends."""
    most_repetition: float = Field(default=0.5, gt=0, le=1)
    """Share of repeated 4-grams above which the loop ends."""
    least_fall: float = Field(default=0.02, ge=0)
    """How far the judge's mean must fall, while the steering one rises, for the loop to end."""


class LoopSettings(Word):
    """The whole file. Relative paths are relative to it."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")
    seed: int = 0
    iterations: int = Field(default=3, ge=1, le=1000)
    start: StartSettings
    warmup: WarmupSettings | None = None
    tasks: TaskSettings
    run: dict[str, JSON] = {}
    """Fields of `RunOptions` for every rollout: reviewer, judge, reward, skip, …"""
    engine: ModelChoice = ModelChoice(name="transformers")
    """What serves the policy."""
    sample: SampleSettings = SampleSettings()
    reward: RewardSettings = RewardSettings()
    pairs: PairSettings = PairSettings()
    train: TrainSettings = TrainSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    promote: PromoteSettings = PromoteSettings()
    plugins: tuple[str, ...] = ()
    """Single-file plugins."""
    arms: dict[str, dict[str, JSON]] = {}
    """Other settings over these ones, by the arm's name."""
    arm: str | None = None
    """Which arm these settings are; set when one is chosen."""

    @field_validator("run")
    @classmethod
    def _left_to_the_loop(cls, run: dict[str, JSON]) -> dict[str, JSON]:
        ours = {"run_id", "runs_dir", "seed", "candidates", "policy", "checkpoint", "judged", "plugins"}
        if taken := sorted(ours & run.keys()):
            raise ValueError(f"the loop itself sets {', '.join(taken)}")
        return run

    @model_validator(mode="after")
    def _arms_are_names(self) -> LoopSettings:
        for name in self.arms:
            if not name.replace("-", "").replace("_", "").isalnum():
                raise ValueError(f"arm {name!r}: letters, digits, '-' and '_' only")
        if self.train.on == "demonstrations" and self.warmup is None:
            raise ValueError("train.on = 'demonstrations' needs [warmup] with demonstrations")
        return self


LIMITS = frozenset({"arms", "iterations"})
"""Settings that a loop may be gone on with under another value."""
PATHS = frozenset({"plugins", "start.base", "tasks.file", "warmup.demonstrations"})
"""Settings that say where something lies. What lies there is told by its hash: a loop's folder may be moved."""


def read_loop(path: Path) -> LoopSettings:
    """Read `loop.toml`; its paths come back absolute. Raises `SettingsError` naming the key at fault."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"loop file {str(path)!r} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"loop file {str(path)!r} is not TOML: {error}") from None
    if (key := _not_finite("", table)) is not None:
        raise SettingsError(f"loop file {str(path)!r}: {key} is no finite number")
    return checked(_absolute(table, path.resolve().parent), str(path))


def _not_finite(at: str, value: Any) -> str | None:
    """Return the first key whose value is `nan` or `inf`, which no record of a loop can hold."""
    if isinstance(value, float):
        return None if math.isfinite(value) else at
    if isinstance(value, Mapping):
        below = (_not_finite(f"{at}.{key}" if at else key, each) for key, each in value.items())
    elif isinstance(value, list):
        below = (_not_finite(f"{at}.{number}", each) for number, each in enumerate(value))
    else:
        return None
    return next((found for found in below if found is not None), None)


def checked(table: Mapping[str, Any], where: str) -> LoopSettings:
    """Return validated settings. Raises `SettingsError`, a line for each fault."""
    try:
        return LoopSettings.model_validate(dict(table))
    except ValidationError as error:
        raise SettingsError(
            f"{where}: {'; '.join(fault_line(fault, LoopSettings) for fault in error.errors())}"
        ) from None


def choose_arm(settings: LoopSettings, name: str) -> LoopSettings:
    """Return the settings of one arm: its own over the file's. Raises `UnknownNameError` naming the arms."""
    if name not in settings.arms:
        raise UnknownNameError(f"no arm is called {name!r}; the file has: {', '.join(settings.arms) or 'none'}")
    base = settings.model_dump(mode="json", exclude={"arms", "arm"}, exclude_unset=True)
    # What stays unset keeps its default, so that an arm may say `gamma` where the file says `gamma_beta_ratio`.
    return checked({**_over(base, settings.arms[name]), "arm": name}, f"arm {name!r}")


OWNERS = ("trainer", "policy", "name")
"""What a table's `settings` belong to: those of one trainer mean nothing to another."""


def _over(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    if any(key in change and change[key] != base.get(key) for key in OWNERS):
        merged.pop("settings", None)
    for key, value in change.items():
        below = merged.get(key)
        merged[key] = _over(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _absolute(table: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Resolve the paths of a file against its folder; a base that is no folder there is a name."""

    def at(value: Any) -> Any:
        return str(folder / value) if isinstance(value, str) and not Path(value).is_absolute() else value

    made = dict(table)
    for section, key in (("tasks", "file"), ("warmup", "demonstrations")):
        if isinstance(made.get(section), dict) and key in made[section]:
            made[section] = {**made[section], key: at(made[section][key])}
    if isinstance(made.get("plugins"), list):
        made["plugins"] = [at(name) for name in made["plugins"]]
    start = made.get("start")
    if isinstance(start, dict) and isinstance(start.get("base"), str) and (folder / start["base"]).is_dir():
        made["start"] = {**start, "base": at(start["base"])}
    return made
