"""The contract of policies: the scripted one keeps it, and those broken on purpose do not."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

import pytest

from peercycle.agents.policies.scripted import ScriptedPolicy, ScriptedSettings
from peercycle.core.base import JSON
from peercycle.core.contracts import StageContext, Turn, Work
from peercycle.core.errors import PeercycleError
from peercycle.core.experiments import Experiment, ExperimentPlan
from peercycle.core.writing import Manuscript, Outline, PointResponse, Revision
from peercycle.plugins.testing import PolicyContract, failures

SETTINGS = ScriptedSettings(model=True)


class TestScriptedPolicy(PolicyContract):
    def policy(self) -> Any:
        return ScriptedPolicy(SETTINGS)


class Broken(ScriptedPolicy):
    def __init__(self) -> None:
        super().__init__(SETTINGS)


class KeepsItsOutline(Broken):
    """Remembers on itself what it should find in the work."""

    title = ""

    async def outline(self, work: Work, ctx: StageContext) -> Turn[Outline]:
        turn = await super().outline(work, ctx)
        self.title = turn.value.title
        return turn

    async def write(self, work: Work, ctx: StageContext) -> Turn[Manuscript]:
        turn = await super().write(work, ctx)
        return Turn(turn.value.model_copy(update={"title": self.title}), turn.memory)


class CountsItsRuns(Broken):
    runs: list[int] = []

    async def outline(self, work: Work, ctx: StageContext) -> Turn[Outline]:
        CountsItsRuns.runs.append(1)
        turn = await super().outline(work, ctx)
        return Turn(turn.value.model_copy(update={"idea": f"idea {len(self.runs)}"}), turn.memory)


class OwnDice(Broken):
    async def outline(self, work: Work, ctx: StageContext) -> Turn[Outline]:
        turn = await super().outline(work, ctx)
        return Turn(turn.value.model_copy(update={"title": f"Version {random.random()}"}), turn.memory)


class OwnClock(Broken):
    async def write(self, work: Work, ctx: StageContext) -> Turn[Manuscript]:
        turn = await super().write(work, ctx)
        return Turn(turn.value.model_copy(update={"abstract": f"Written at {time.time_ns()}."}))


class Swallows(Broken):
    async def write(self, work: Work, ctx: StageContext) -> Turn[Manuscript]:
        try:
            return await super().write(work, ctx)
        except PeercycleError:
            return Turn(Manuscript(title="Untitled", abstract="The model did not answer."))

    async def _act(self, ctx: StageContext) -> str:
        try:
            return await super()._act(ctx)
        except BaseException:
            return ""


class ReturnsAPath(Broken):
    async def outline(self, work: Work, ctx: StageContext) -> Turn[Outline]:
        return Turn((await super().outline(work, ctx)).value, "/tmp/memory.json")


class ReturnsNoTurn(Broken):
    async def write(self, work: Work, ctx: StageContext) -> Any:
        return (await super().write(work, ctx)).value


class AnswersHalf(Broken):
    async def revise(self, work: Work, ctx: StageContext) -> Turn[Revision]:
        turn = await super().revise(work, ctx)
        return Turn(turn.value.model_copy(update={"responses": turn.value.responses[:1]}))


class AnswersWhatNobodyAsked(Broken):
    async def revise(self, work: Work, ctx: StageContext) -> Turn[Revision]:
        turn = await super().revise(work, ctx)
        more = PointResponse(point="r9.w9", action="text", answer="Done.")
        return Turn(turn.value.model_copy(update={"responses": (*turn.value.responses, more)}))


class PlansWithoutASandbox(Broken):
    async def plan(self, work: Work, ctx: StageContext) -> Turn[ExperimentPlan]:
        await self._act(ctx)
        return Turn(ExperimentPlan(experiments=(Experiment(id="one", question="?", script="pass"),)))


class RenamesTheExperiment(Broken):
    async def repair(
        self, work: Work, experiment: Experiment, failure: str, ctx: StageContext
    ) -> Turn[Experiment | None]:
        return Turn(experiment.model_copy(update={"id": "another"}))


class NamesTheFolder(Broken):
    """Asks for something that is not the same in two runs."""

    async def write(self, work: Work, ctx: StageContext) -> Turn[Manuscript]:
        async def draw() -> JSON:
            return 1

        await ctx.effect("note", {"where": str(ctx.artifacts.path("")), "at": time.time_ns()}, draw)
        return await super().write(work, ctx)


class QueriesAreWords(Broken):
    async def queries(self, work: Work, ctx: StageContext) -> Any:
        return Turn("retrieval")


class ChangesNothingButRelated(Broken):
    async def related(self, work: Work, found: Sequence[Any], ctx: StageContext) -> Any:
        return Turn(tuple(reference.key for reference in found))


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (KeepsItsOutline, "test_it_keeps_nothing_from_one_call_to_the_next"),
        (CountsItsRuns, "test_it_keeps_nothing_from_one_run_to_the_next"),
        (OwnDice, "test_a_replay_with_the_world_refused_says_the_same"),
        (OwnClock, "test_a_kill_and_a_resume_leave_what_an_undisturbed_play_leaves"),
        (Swallows, "test_what_ends_a_run_passes_through_it"),
        (ReturnsAPath, "test_it_plays_to_the_end"),
        (ReturnsNoTurn, "test_it_plays_to_the_end"),
        (AnswersHalf, "test_a_revision_answers_every_point_once"),
        (AnswersWhatNobodyAsked, "test_a_revision_answers_every_point_once"),
        (PlansWithoutASandbox, "test_nothing_is_planned_where_nothing_can_run"),
        (RenamesTheExperiment, "test_it_plays_to_the_end"),
        (NamesTheFolder, "test_a_replay_with_the_world_refused_says_the_same"),
        (QueriesAreWords, "test_it_plays_to_the_end"),
        (ChangesNothingButRelated, "test_it_plays_to_the_end"),
    ],
)
def test_the_policy_contract_catches(broken: type[Any], check: str) -> None:
    class Held(PolicyContract):
        def policy(self) -> Any:
            return broken()

    assert check in failures(Held, only=check)
