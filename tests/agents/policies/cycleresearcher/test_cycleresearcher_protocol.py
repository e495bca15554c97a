"""The published protocol, turn by turn, with real results in the place of imagined ones."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.agents.protocol_model import ProtocolModel

from peercycle.agents.policies.cycleresearcher.policy import CycleResearcherPolicy
from peercycle.agents.policies.cycleresearcher.settings import CycleResearcherSettings
from peercycle.agents.policies.cycleresearcher.tables import imagined
from peercycle.core.base import JSON
from peercycle.core.contracts import Work
from peercycle.core.experiments import Experiment
from peercycle.core.runs import RunOptions
from peercycle.plugins.testing import samples
from peercycle.plugins.testing.context import Bench, Services
from peercycle.plugins.testing.policies import invented_results


def play(tmp_path: Path, mode: str = "run") -> tuple[ProtocolModel, Work, Any, Bench]:
    """Play a draft up to its conclusion; return the model, the work before it, the manuscript and the bench."""
    model = ProtocolModel()
    options = RunOptions.model_validate({"run_id": "bench", "experiments": mode})
    bench = Bench(tmp_path, Services(model=model), options=options)
    policy = CycleResearcherPolicy(CycleResearcherSettings())
    task = samples.task()

    async def draft() -> tuple[Work, Any]:
        work = Work(task=task, bibliography=task.bibliography)
        outline = await policy.outline(work, bench.context("outline"))
        work = replace(work, outline=outline.value, memory=outline.memory)
        written = await policy.write(work, bench.context("write"))
        work = replace(work, manuscript=written.value, memory=written.memory)
        planned = await policy.plan(work, bench.context("plan"))
        work = replace(work, plan=planned.value, memory=planned.memory)
        if mode == "simulate":
            turn = await policy.simulate(work, bench.context("experiment"))
            work = replace(work, memory=turn.memory)
            bench.logged.append(json.dumps(dict(turn.value)))
        else:
            work = replace(work, results=invented_results(planned.value))
        return work, await policy.conclude(work, bench.context("conclude"))

    work, concluded = asyncio.run(draft())
    return model, work, concluded, bench


def test_the_first_turn_holds_topic_and_references_an_abstract_before_its_entry(tmp_path: Path) -> None:
    model, _, _, _ = play(tmp_path)
    system, user = model.asked[0].messages
    assert (system.role, user.role) == ("system", "user")
    assert user.content.startswith("Generate a research paper on the topic: retrieval and ranking of documents\n\n")
    assert user.content.index("Abstract: Sparse term vectors") < user.content.index("{work00,")
    assert user.content.count("\nAbstract: ") + 0 >= 11
    assert "abstract =" not in user.content
    assert "## Experimental_results" in model.asked[0].sampling.stop


def test_real_results_are_the_next_user_turn_and_the_rest_follows(tmp_path: Path) -> None:
    model, work, concluded, _ = play(tmp_path)
    last = model.asked[-1]
    assert [message.role for message in last.messages] == ["system", "user", "assistant", "user"]
    listed = json.loads(last.messages[-1].content.partition("```json\n")[2].removesuffix("```"))
    assert work.plan is not None
    assert [entry["name"] for entry in listed] == [e.question for e in work.plan.experiments]
    assert all(entry["result"]["table"][0][0] == "Metric" for entry in listed)
    assert "Experiments" in [section.heading for section in concluded.value.sections]
    assert [s.heading for s in work.manuscript.sections] == ["Introduction", "Related Work", "Methods"]  # type: ignore[union-attr]


def test_the_conversation_is_the_memory_and_holds_every_turn(tmp_path: Path) -> None:
    _, _, concluded, bench = play(tmp_path)
    kept = json.loads(asyncio.run(bench.artifacts.get(concluded.memory)))
    assert [turn["role"] for turn in kept["turns"]] == ["system", "user", "assistant", "user", "assistant"]


def test_a_citation_that_nobody_knows_is_dropped_and_told(tmp_path: Path) -> None:
    _, _, concluded, bench = play(tmp_path)
    assert "smith2020" not in concluded.value.latex
    assert any("smith2020" in line for line in bench.logged)


def test_simulate_lets_the_model_go_on_in_its_own_turn_as_published(tmp_path: Path) -> None:
    model, work, concluded, bench = play(tmp_path, "simulate")
    one_shot = model.asked[-1]
    assert one_shot.assistant_prefix is not None
    assert one_shot.assistant_prefix.endswith("## Experimental_results\n\n```json\n")
    assert len(model.asked) == 2, "no program is written, and the rest of the paper comes with the results"
    assert "Experiments" in [section.heading for section in concluded.value.sections]
    files = json.loads(next(line for line in bench.logged if line.startswith("{")))
    assert work.plan is not None
    assert set(files) <= {experiment.id for experiment in work.plan.experiments}
    assert any(number["value"] == 0.91 for file in files.values() for number in file["measurements"])


@pytest.mark.parametrize(
    ("cell", "value"),
    [("$ \\textbf{0.75} $", 0.75), ("**12**", 12.0), ("\\mathbf{-3}", -3.0), ("t5 base", None), ("bet 3", None)],
)
def test_a_cell_is_a_number_with_its_marks_or_none(cell: str, value: float | None) -> None:
    experiment = Experiment(id="one", question="Which is better?", script="x")
    entry: JSON = {"name": "Which is better?", "result": {"table": [["Method", "Score"], ["ours", cell]]}}
    found = imagined([entry], (experiment,))
    assert found == ({} if value is None else {"one": {"measurements": [
        {"metric": "Score", "group": "ours", "value": value}
    ]}})  # fmt: skip
