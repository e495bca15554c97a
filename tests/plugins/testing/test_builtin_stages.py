"""The stages of the cycle, held to the contract that a plugin's stage is held to.

Every one of ours asks the driver's context for more than `StageContext` promises: the open run's task and policy, for
review its reviewer and reward, for executions and assessments its store, and, to search source by source (`related`,
`check`), its literature and effects. The test lends them just that, by name, in `Lent`; all that reaches the world goes
through the bench's context, as it must in a plugin's stage. A plugin's own stage gets none of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import Any

from peercycle.agents.literature.local.settings import LocalSettings
from peercycle.agents.literature.local.source import LocalLiterature
from peercycle.agents.policies.scripted import ScriptedPolicy, ScriptedSettings
from peercycle.agents.reviewers.scripted import ScriptedReviewer, ScriptedReviewerSettings
from peercycle.agents.rewards import MeanRating
from peercycle.core.base import JSON
from peercycle.core.contracts import LiteratureSource, NoSettings, StageContext
from peercycle.core.journal import EffectOutcome
from peercycle.core.modelling import Usage
from peercycle.core.sandboxing import ExecRequest, ExecResult, OutputFile
from peercycle.core.writing import PointResponse, Revision
from peercycle.graphs.stagelist import build_stages
from peercycle.graphs.stages.experimenting import ExperimentStage, PlanStage
from peercycle.graphs.stages.judging import CheckStage, ReviewStage
from peercycle.graphs.stages.writing import ConcludeStage, OutlineStage, RelatedStage, ReviseStage, WriteStage
from peercycle.plugins.manager import Plugins
from peercycle.plugins.testing import StageContract, samples
from peercycle.plugins.testing.journal import BenchArtifacts


class Lent:
    """The bench's context, with what our stages ask the driver's for."""

    def __init__(self, ctx: StageContext) -> None:
        self._ctx = ctx
        self.effects = LentEffects(ctx)
        self.run = SimpleNamespace(
            task=samples.task(),
            policy=ScriptedPolicy(ScriptedSettings()),
            reviewer=ScriptedReviewer(ScriptedReviewerSettings(via_effect=True)),
            judge=None,
            reward=MeanRating(NoSettings()),
            store=SimpleNamespace(save_executions=_forget, save_assessment=_forget),
            offline=False,
            unopened_source=_source,
            literature=_opened,
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ctx, name)


class LentEffects:
    """Effects by their keys, done on the bench."""

    def __init__(self, ctx: StageContext) -> None:
        self._ctx = ctx

    def key(self, kind: str, request: JSON) -> str:
        return kind

    async def perform(
        self, key: str, request: JSON, reserve: Usage, answer: Callable[[], Awaitable[tuple[JSON, Usage]]]
    ) -> EffectOutcome:
        async def told() -> JSON:
            result, _ = await answer()
            return result

        return EffectOutcome(result=await self._ctx.effect(key, request, told))


def _source(name: str) -> LiteratureSource:
    return LocalLiterature(LocalSettings())


async def _opened(name: str) -> LiteratureSource:
    source = _source(name)
    await source.add(samples.task().bibliography)
    return source


async def _forget(*row: Any) -> None:
    """Stand for a table of the store: what a stage says of itself is in what it returns."""


class OnBench:
    """One of our stages, lent what it needs."""

    def __init__(self, stage: Any) -> None:
        self._stage = stage
        self.name: str = stage.name

    async def __call__(self, state: Mapping[str, JSON], ctx: StageContext) -> Mapping[str, JSON]:
        lent: Any = Lent(ctx)
        updates: Mapping[str, JSON] = await self._stage(state, lent)
        return updates


class OurStage(StageContract):
    """What the contract asks, and that the stage returns these channels."""

    ours: type[Any]
    returns: frozenset[str]

    def stage(self) -> Any:
        """Return the stage, lent what it needs."""
        return OnBench(type(self).ours())

    def test_it_returns_its_channels(self) -> None:
        """Every visit returns what the stages after it read."""
        said: Any = self.said()
        assert [frozenset(updates) for updates in said] == [self.returns] * 3


class TestOutline(OurStage):
    ours = OutlineStage
    returns = frozenset({"outline", "memory"})


class TestRelated(OurStage):
    ours = RelatedStage
    returns = frozenset({"outline"})


class TestWrite(OurStage):
    ours = WriteStage
    returns = frozenset({"manuscript"})


class TestRevise(OurStage):
    ours = ReviseStage
    returns = frozenset({"manuscript", "revision"})


class TestPlan(OurStage):
    ours = PlanStage
    returns = frozenset({"plan", "planned", "executed"})


class TestExperiment(OurStage):
    ours = ExperimentStage
    returns = frozenset({"results", "executed"})

    async def execute(self, request: ExecRequest, artifacts: BenchArtifacts) -> ExecResult:
        """Stand for a sandbox in which the program measures what the sample's did."""
        body = samples.RESULTS_FILE
        written = OutputFile(path="results.json", size=len(body), artifact=await artifacts.put(body))
        place = request.files["request.json"][-8:]
        return ExecResult(
            status="ok", exit_code=0, duration_s=0, outputs=(written,), backend="folder", execution_id=place
        )


class TestConclude(OurStage):
    """In a revision, so that points are settled, too."""

    ours = ConcludeStage
    returns = frozenset({"manuscript", "outcomes", "revision"})

    async def state(self, ctx: StageContext) -> dict[str, JSON]:
        """Return the state after a revision that answered by its text."""
        paper = samples.paper()
        responses = tuple(PointResponse(point=p.id, action="text", answer="Said.") for p in paper.assessment.points)
        revision = Revision(manuscript=paper.manuscript, responses=responses)
        return {**await super().state(ctx), "round": 1, "revision": await ctx.save(revision)}


class TestCheck(OurStage):
    ours = CheckStage
    returns = frozenset({"check"})


class TestReview(OurStage):
    ours = ReviewStage
    returns = frozenset({"assessment", "reviewed", "reward", "rating", "decision"})


def test_every_stage_of_the_cycle_is_held_to_the_contract() -> None:
    stages = build_stages(Plugins.load(entry_points=False, environ={})).stages
    held = {kind().stage().name for kind in OurStage.__subclasses__()}
    assert held == set(stages)
