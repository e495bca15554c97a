"""A plugin as a third party ships it: built, installed beside a built peercycle, and found there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.installing import built, copied, install, run

ASK = """
import json, sys
from peercycle.plugins.manager import Plugins
import peercycle, peercycle_venue
plugins = Plugins.load()
reward = plugins.create("rewards", "venue", {"penalty": 2.0})
print(json.dumps({
    "plugins": plugins.describe(),
    "shown": plugins.show("venue"),
    "versions": plugins.versions(),
    "penalty": reward.rules.penalty,
    "homes": [peercycle.__file__, peercycle_venue.__file__],
}))
"""

RESEARCH = """
import asyncio, json
from peercycle.core.runs import RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs.driver import start
from peercycle.plugins.manager import Plugins
from peercycle.store.directory import read_run

async def main():
    options = RunOptions(
        run_id="r1", policy="scripted", reviewer="scripted", reward="venue", experiments="off", rounds=1,
        literature=("local",),
        exporters=(), settings={"rewards": {"venue": {"max_words": 3, "required": ["introduction", "appendix"]}}},
    )
    plugins = Plugins.load()
    result = await start(ResearchTask(topic="ranking"), options, plugins)
    await plugins.close()
    reader = read_run(result.path)
    rows = await reader.candidates()
    logged = [event.message for _, event in await reader.events(kinds=["log"])]
    record = await reader.record()
    print(json.dumps({
        "status": result.status,
        "problems": [problem.message for problem in plugins.problems],
        "venue": [row.state["venue"] for row in rows],
        "rewards": [(row.rating, row.reward) for row in rows],
        "logged": logged,
        "fingerprint": record.fingerprint["plugins"],
    }))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def example(repository: Path) -> Path:
    return repository / "examples" / "plugins" / "peercycle-venue"


@pytest.fixture(scope="module")
def environment(repository: Path, example: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python of its own with both wheels installed; peercycle's dependencies are those of the tests."""
    root = tmp_path_factory.mktemp("third-party")
    copied(repository, root / "checkout")
    copied(example, root / "example")
    wheels = [built(root / "checkout", root / "wheels-ours"), built(root / "example", root / "wheels-theirs")]
    install(root / "env", *wheels)
    return root


def test_an_installed_third_party_plugin_is_found_with_its_reward_and_its_stage(environment: Path) -> None:
    python = environment / "env" / "bin" / "python"
    found = json.loads(run(python, "-P", "-c", ASK, cwd=environment))
    assert all(str(environment) in home for home in found["homes"])
    assert [entry["name"] for entry in found["plugins"]] == ["builtin", "venue"]
    venue = found["plugins"][1]
    assert (venue["distribution"], venue["version"], venue["problem"]) == ("peercycle-venue", "0.1.0", None)
    assert venue["hooks"] == ["register_rewards", "extend_graph"]
    assert found["versions"]["venue"] == "peercycle-venue 0.1.0"
    assert found["shown"]["settings"]["rewards"]["venue"]["properties"]["max_words"]["default"] == 5000
    assert found["penalty"] == 2.0


def test_the_third_party_projects_own_tests_pass_where_it_is_installed(environment: Path) -> None:
    python = environment / "env" / "bin" / "python"
    said = run(python, "-P", "-m", "pytest", "-q", "-o", "pythonpath=", cwd=environment / "example")
    assert " passed" in said
    assert "failed" not in said


def test_its_stage_runs_in_a_real_cycle_with_its_channel_and_its_reward(environment: Path) -> None:
    python = environment / "env" / "bin" / "python"
    found = json.loads(run(python, "-P", "-c", RESEARCH, cwd=environment).splitlines()[-1])
    assert (found["status"], found["problems"]) == ("finished", [])
    for venue, (rating, reward) in zip(found["venue"], found["rewards"], strict=True):
        assert venue["words"] > 3
        assert venue["faults"] == [
            f"the paper has {venue['words']} words; at most 3 are allowed",
            "there is no section for appendix",
        ]
        assert reward == rating - 2 * 0.5
    assert "venue: there is no section for appendix" in found["logged"]
    assert found["fingerprint"]["venue"] == "peercycle-venue 0.1.0"
