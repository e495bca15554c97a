"""The small real cycle of the crash matrix: two candidates, one round, a judge, a model, an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.graphs.conftest import Kit, kit_options, kit_task

from peercycle import hookimpl
from peercycle.core.runs import RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.plugins.manager import Plugins

SCRIPT = """\
import json, random, time
request = json.load(open("request.json"))
rng = random.Random(request["seed"])
time.sleep(0.2)
value = sum(rng.random() for _ in range(1000)) / 1000
json.dump({"measurements": [{"metric": "mean_draw", "value": value}]}, open("results.json", "w"))
"""


class CrashKit:
    """A model and a sandbox beside the kit."""

    @hookimpl
    def register_models(self, register: Any) -> None:
        from peercycle.agents.models.scripted import ScriptedModel, ScriptedModelSettings

        register("scripted", ScriptedModel, ScriptedModelSettings)

    @hookimpl
    def register_sandboxes(self, register: Any) -> None:
        from peercycle.sandbox.bubblewrap import BubblewrapSandbox, BubblewrapSettings

        register("bubblewrap", BubblewrapSandbox, BubblewrapSettings)


def plugins(*extra: Any) -> Plugins:
    """Return the kit's plugins and these."""
    return Plugins.load(Kit(), CrashKit(), *extra, builtin=False, entry_points=False, environ={})


def task() -> ResearchTask:
    """Return the task."""
    return kit_task()


def options(runs_dir: Path, *, sandbox: bool, **changes: Any) -> RunOptions:
    """Return the options; `sandbox` runs the experiment in the real one."""
    answer = {"when": ".", "text": ["One sentence.", "Another sentence.", "A third one."]}
    given: dict[str, Any] = {
        "judge": "kit-other-judge",
        "models": {"default": {"name": "scripted", "settings": {"answers": [answer]}}},
        "settings": {
            "policies": {"kit-policy": {"model": True, "seeds": 1, "effect_s": 0.005, "script": SCRIPT}},
            "reviewers": {"kit-judge": {"ratings": {"c0": 4, "c1": 6}}, "kit-other-judge": {"default": 3}},
        },
        **({"experiments": "run", "sandbox": "bubblewrap"} if sandbox else {}),
    }
    return kit_options(runs_dir, **{**given, **changes})
