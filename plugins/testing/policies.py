"""The contract of policies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from peercycle.core.base import JSON, artifact_ref
from peercycle.core.contracts import Policy, Turn, Work
from peercycle.core.errors import DamagedRunError
from peercycle.core.experiments import Execution, Experiment, ExperimentPlan, ExperimentResults, Measurement
from peercycle.core.reviews import Assessment
from peercycle.core.writing import Manuscript, Outline, ResearchTask, Revision
from peercycle.plugins.testing import samples
from peercycle.plugins.testing.context import Bench
from peercycle.plugins.testing.contract import ReplayContract, Take


class PolicyContract(ReplayContract):
    """Every method of a policy, in the order of a run: a draft, its reviews, a revision; with experiments and without.

    class TestMine(PolicyContract):
        def policy(self):
            return Mine(MineSettings())
    """

    def policy(self) -> Policy:
        """Return a fresh policy."""
        raise NotImplementedError

    def task(self) -> ResearchTask:
        """Return the task to work on."""
        return samples.task()

    def assessment(self) -> Assessment:
        """Return what the reviewers say of the draft."""
        return samples.paper().assessment

    def results(self, plan: ExperimentPlan) -> ExperimentResults:
        """Return what the plan's experiments measured: by default a number per metric and seed."""
        return invented_results(plan)

    def subject(self) -> Policy:
        """Return a fresh policy."""
        return self.policy()

    async def play(self, take: Take, bench: Bench) -> JSON:
        """Do a draft and a revision, once with experiments and once without."""
        said: list[JSON] = []
        for candidate, experiments_run in (("c0", True), ("c1", False)):
            said += await _Cycle(self, take, bench, candidate, experiments_run).run()
        return said

    def test_a_revision_answers_every_point_once(self) -> None:
        """Each point of the assessment has one response, and no other point is named."""
        for line in self._said("revise"):
            answered = sorted(response["point"] for response in line["value"]["responses"])
            asked = sorted(point.id for point in self.assessment().points)
            assert answered == asked, f"it answers {answered}; the points are {asked}"

    def test_a_plan_in_a_revision_answers_points_of_that_revision(self) -> None:
        """An experiment of a revision names only points that exist."""
        points = {point.id for point in self.assessment().points}
        for line in self._said("plan in revision"):
            for experiment in line["value"]["experiments"]:
                assert set(experiment["answers"]) <= points, f"{experiment['id']} answers {experiment['answers']}"

    def test_nothing_is_planned_where_nothing_can_run(self) -> None:
        """Without a sandbox the plan is empty and says why."""
        for line in self._said("plan"):
            if line["candidate"] == "c1":
                assert not line["value"]["experiments"], "experiments are planned, and no sandbox can run them"
                assert line["value"]["declined"], "an empty plan has no reason in `declined`"

    def test_an_experiment_repeats_a_plan_id_never(self) -> None:
        """Experiments of one plan have ids of their own."""
        for line in self._said("plan"):
            ids = [experiment["id"] for experiment in line["value"]["experiments"]]
            assert len(ids) == len(set(ids)), f"one id twice: {ids}"

    def _said(self, step: str) -> list[dict[str, Any]]:
        said = self.said()
        assert isinstance(said, list)
        return [line for line in said if isinstance(line, dict) and line["step"] == step]


class _Cycle:
    """One candidate's way through a policy."""

    def __init__(
        self, contract: PolicyContract, take: Take, bench: Bench, candidate: str, experiments_run: bool
    ) -> None:
        self.contract, self.take, self.bench, self.candidate = contract, take, bench, candidate
        task = contract.task()
        self.work = Work(task=task, bibliography=task.bibliography, experiments_run=experiments_run)
        self.said: list[JSON] = []
        self.visits: dict[str, int] = {}

    async def run(self) -> list[JSON]:
        """Draft, review, revise."""
        await self._call("queries", tuple, "literature")
        self._with(outline=await self._call("outline", Outline, "outline"))
        queries = await self._call("queries", tuple, "related")
        found = [work for work in self.contract.works() if any(q.split()[0] in work.title for q in queries if q)]
        self._with(outline=await self._call("related", Outline, "related", found))
        self._with(manuscript=await self._call("write", Manuscript, "write"))
        await self._experiments("plan")
        self._with(manuscript=await self._call("conclude", Manuscript, "conclude"))
        self._with(assessment=self.contract.assessment(), round=1)
        revision = await self._call("revise", Revision, "revise")
        self._with(revision=revision, manuscript=revision.manuscript)
        await self._experiments("plan in revision")
        self._with(manuscript=await self._call("conclude", Manuscript, "conclude"))
        return self.said

    async def _experiments(self, step: str) -> None:
        plan = await self._call("plan", ExperimentPlan, "plan", step=step)
        self._with(plan=plan)
        if plan.experiments:
            await self._repair(plan.experiments[0])
        if plan.experiments and self.work.experiments_run:
            self._with(results=_joined(self.work.results, self.contract.results(plan)))

    async def _repair(self, experiment: Experiment) -> None:
        failure = "Traceback (most recent call last):\nNameError: name 'nmupy' is not defined"
        mended = await self._call("repair", (Experiment, type(None)), "experiment", experiment, failure)
        assert mended is None or mended.id == experiment.id, f"repair turned {experiment.id!r} into {mended.id!r}"

    async def _call(self, method: str, kind: Any, stage: str, *given: Any, step: str | None = None) -> Any:
        policy = await self.take()
        visit = self.visits[stage] = self.visits.get(stage, 0) + 1
        ctx = self.bench.context(stage, candidate=self.candidate, visit=visit)
        turn = await getattr(policy, method)(self.work, *given, ctx)
        assert isinstance(turn, Turn), f"{method} returned {type(turn).__name__}, not a Turn"
        assert isinstance(turn.value, kind), f"{method} returned a Turn of {type(turn.value).__name__}"
        await self._check_memory(method, turn.memory)
        self._with(memory=turn.memory)
        value = _plain(turn.value)
        line: dict[str, JSON] = {"step": step or method, "candidate": self.candidate, "value": value}
        self.said.append({**line, "memory": turn.memory})
        return turn.value

    async def _check_memory(self, method: str, memory: Any) -> None:
        if memory is None:
            return
        try:
            await self.bench.artifacts.get(memory)
        except (DamagedRunError, AttributeError, OSError) as error:
            raise AssertionError(f"{method} returned a memory that is no stored artefact: {memory!r}") from error

    def _with(self, **changes: Any) -> None:
        self.work = replace(self.work, **changes)


def invented_results(plan: ExperimentPlan) -> ExperimentResults:
    """Return results for a plan without running it: one number per metric and seed, the same every time."""
    executions: list[Execution] = []
    measurements: list[Measurement] = []
    for experiment in plan.experiments:
        for seed in experiment.seeds:
            run = f"{experiment.id}-{seed}"
            file = artifact_ref(run.encode())
            script = artifact_ref(experiment.script.encode())
            executions.append(
                Execution(id=run, experiment=experiment.id, seed=seed, status="ok", script=script, results=file)
            )
            for number, metric in enumerate(experiment.metrics or ("value",)):
                measurements.append(
                    Measurement(
                        id=f"{experiment.id}.{number}.s{seed}",
                        metric=metric,
                        value=round(0.5 + 0.01 * number + 0.001 * seed, 4),
                        experiment=experiment.id,
                        seed=seed,
                        execution=run,
                        artifact=file,
                        pointer=f"/measurements/{number}/value",
                    )
                )
    return ExperimentResults(
        executions=tuple(executions), measurements=tuple(measurements), experiments=plan.experiments
    )


def _joined(earlier: ExperimentResults | None, new: ExperimentResults) -> ExperimentResults:
    """Return all results so far, with the numbers over seeds, as the graph derives them."""
    from peercycle.graphs.stages.results import accumulate

    measured = [m for m in new.measurements if m.derived is None]
    return accumulate(earlier, new.executions, measured, new.experiments)


def _plain(value: Any) -> JSON:
    if isinstance(value, BaseModel):
        dumped: JSON = value.model_dump(mode="json")
        return dumped
    assert value is None or all(isinstance(entry, str) for entry in value), f"queries are {value!r}, not strings"
    return value if value is None else list(value)
