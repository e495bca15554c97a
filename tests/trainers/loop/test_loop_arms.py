"""The table of arms: what they were trained on can be seen to be the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from peercycle.core.errors import DamagedRunError
from peercycle.core.writing import ResearchTask
from peercycle.trainers.loop.arms import arm_row
from peercycle.trainers.loop.evaluating import evaluate
from peercycle.trainers.loop.learning import DEMONSTRATIONS
from peercycle.trainers.loop.manifest import Done, StepName, Told, perform, write_lines
from peercycle.trainers.loop.record import Place
from peercycle.trainers.loop.sampling import TASKS
from peercycle.trainers.loop.tasks import task_hash, write_tasks

NOTHING = evaluate("nobody", [], judged=True)


def step_of(place: Place, iteration: int, step: StepName, name: str, topics: list[int]) -> None:
    tasks = [ResearchTask(topic=f"topic {n}") for n in topics]

    def work(out: Path) -> Done:
        if name == TASKS:
            (out / name).write_bytes(write_tasks([(task_hash(task), task) for task in tasks]))
        else:
            # Several demonstrations of a task are of one task.
            write_lines(out / name, [{"task": task_hash(task), "messages": []} for task in tasks for _ in range(2)])
        return Done((name,))

    perform(place.step(iteration, step), step, iteration, {}, {}, work, Told())


def arm(folder: Path, *iterations: list[int], told: bool = False) -> Place:
    place = Place(folder.parent, folder, folder.parent / "policies")
    step: StepName = "pair" if told else "sample"
    for number, topics in enumerate(iterations, 1):
        step_of(place, number, step, DEMONSTRATIONS if told else TASKS, topics)
    return place


def prompts(place: Place) -> tuple[list[str], str]:
    row = arm_row("arm", place, NOTHING, NOTHING, {})
    return list(row.prompts.values()), row.all_prompts


def test_arms_on_the_same_prompts_have_the_same_hashes_whether_they_sample_or_are_told(tmp_path: Path) -> None:
    sampled = prompts(arm(tmp_path / "full", [1, 2], [3, 4]))
    assert len(set(sampled[0])) == 2
    assert prompts(arm(tmp_path / "sft", [2, 1], [4, 3], told=True)) == sampled
    at_once = prompts(arm(tmp_path / "one-iteration", [1, 2, 3, 4]))
    assert at_once[1] == sampled[1]
    other = prompts(arm(tmp_path / "other", [1, 2], [3, 5]))
    assert (other[0][0] == sampled[0][0], other[0][1] == sampled[0][1], other[1] == sampled[1]) == (
        True,
        False,
        False,
    )


def test_prompts_that_are_not_those_that_were_written_on_are_no_proof(tmp_path: Path) -> None:
    place = arm(tmp_path / "full", [1, 2])
    (place.step(1, "sample") / TASKS).write_bytes(write_tasks([]))
    with pytest.raises(DamagedRunError, match="is not what the step wrote"):
        prompts(place)
