"""A policy that does the same every time and touches every way out: for tests of the cycle itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pydantic import Field

from peercycle.core.base import JSON, Word
from peercycle.core.contracts import StageContext, Turn, Work
from peercycle.core.errors import PolicyError
from peercycle.core.experiments import Experiment, ExperimentPlan
from peercycle.core.literature import Reference
from peercycle.core.modelling import Message, ModelRequest
from peercycle.core.outlasting import together
from peercycle.core.sandboxing import EnvironmentSpec, Limits
from peercycle.core.writing import Manuscript, Outline, PointResponse, Revision, Section, SectionPlan

SCRIPT = """\
import json, random
request = json.load(open("request.json"))
rng = random.Random(request["seed"])
value = sum(rng.random() for _ in range(1000)) / 1000
json.dump({"measurements": [{"metric": "mean_draw", "value": value}]}, open("results.json", "w"))
"""


class ScriptedSettings(Word):
    """What the scripted policy does."""

    experiments: bool = True
    seeds: int = Field(default=2, ge=1)
    effects: int = Field(default=2, ge=0)
    """Effects that each stage makes, gathered, one pair of them identical."""
    effect_s: float = Field(default=0.0, ge=0)
    """How long each effect takes."""
    model: bool = False
    """Ask the model of the role `default` for the introduction."""
    ask: bool = False
    """Ask a person for the title."""
    fail_stage: str | None = None
    fail_candidate: str | None = None
    """The stage fails on this candidate; on every one where none is named."""
    script: str = SCRIPT
    broken_first: bool = False
    """The first program fails, and is mended by `repair`."""


class Title(Word):
    """What a person is asked for."""

    title: str


class ScriptedPolicy:
    """Follows its settings; the text depends on the candidate's seeded generator only."""

    def __init__(self, settings: ScriptedSettings) -> None:
        self.settings = settings

    async def _act(self, ctx: StageContext) -> str:
        """Make the stage's effects, and return what they answered."""
        if self.settings.fail_stage == ctx.stage and self.settings.fail_candidate in {None, ctx.candidate}:
            raise PolicyError(f"scripted to fail at {ctx.stage!r}")
        numbers = [0, *range(self.settings.effects - 1)] if self.settings.effects else []

        async def one(number: int) -> JSON:
            async def fn() -> JSON:
                await asyncio.sleep(self.settings.effect_s)
                return f"{ctx.stage}-{number}"

            return await ctx.effect("scripted", {"number": number}, fn)

        answers = await together(one(number) for number in numbers)
        return " ".join(str(answer) for answer in answers)

    async def queries(self, work: Work, ctx: StageContext) -> Turn[tuple[str, ...]]:
        """Return the topic, or the outline's title."""
        await self._act(ctx)
        return Turn((work.outline.title if work.outline else work.task.topic,))

    async def outline(self, work: Work, ctx: StageContext) -> Turn[Outline]:
        """Return an outline of two sections."""
        await self._act(ctx)
        title = f"On {work.task.topic}, version {ctx.rng.randrange(1000)}"
        if self.settings.ask:
            title = (await ctx.ask("What shall the paper be called?", Title)).title
        sections = (SectionPlan(heading="Introduction"), SectionPlan(heading="Results"))
        memory = await ctx.artifacts.put(b'{"turns": 1}', media_type="application/json", name="memory.json")
        return Turn(Outline(title=title, sections=sections), memory)

    async def related(self, work: Work, found: Sequence[Reference], ctx: StageContext) -> Turn[Outline]:
        """Name the nearest prior works."""
        assert work.outline is not None
        nearest = tuple(reference.key for reference in found[:3])
        return Turn(work.outline.model_copy(update={"nearest_prior": nearest}), work.memory)

    async def write(self, work: Work, ctx: StageContext) -> Turn[Manuscript]:
        """Write an introduction."""
        assert work.outline is not None
        said = await self._act(ctx)
        if self.settings.model:
            requests = [
                ModelRequest(messages=(Message(role="user", content=f"Sentence {n}?"),), seed=n) for n in range(3)
            ]
            said = " ".join(result.text for result in await ctx.model().generate(requests))
        cited = "".join(f" \\cite{{{key}}}" for key in sorted(work.bibliography.keys)[:2])
        body = f"It said: {said or 'nothing'}.{cited}".replace("_", "\\_")
        introduction = Section(heading="Introduction", body=body, role="introduction")
        return Turn(Manuscript(title=work.outline.title, abstract="An abstract.", sections=(introduction,)))

    async def plan(self, work: Work, ctx: StageContext) -> Turn[ExperimentPlan]:
        """Plan one experiment; in a revision, more seeds for the points that ask for evidence."""
        await self._act(ctx)
        if not self.settings.experiments or not work.experiments_run:
            return Turn(ExperimentPlan(declined="scripted to run nothing"))
        answers = tuple(r.point for r in work.revision.responses if r.action == "experiment") if work.revision else ()
        if work.revision is not None and not answers:
            return Turn(ExperimentPlan(declined="no point asks for evidence"))
        first = self.settings.seeds * work.round
        experiment = Experiment(
            id="draws",
            question="What is the mean of uniform draws?",
            script="raise SystemExit('broken')"
            if self.settings.broken_first and not work.results
            else self.settings.script,
            seeds=tuple(range(first, first + self.settings.seeds)),
            environment=EnvironmentSpec(name="base"),
            limits=Limits(wall_s=20),
            answers=answers,
        )
        return Turn(ExperimentPlan(experiments=(experiment,), rationale="scripted"))

    async def repair(
        self, work: Work, experiment: Experiment, failure: str, ctx: StageContext
    ) -> Turn[Experiment | None]:
        """Put the working program in the broken one's place."""
        if experiment.script == self.settings.script:
            return Turn(None)
        return Turn(experiment.model_copy(update={"script": self.settings.script}))

    async def conclude(self, work: Work, ctx: StageContext) -> Turn[Manuscript]:
        """Write the results."""
        assert work.manuscript is not None
        await self._act(ctx)
        means = (
            [m for m in work.results.measurements if m.derived and m.derived.statistic == "mean"]
            if work.results
            else []
        )
        body = (
            " ".join(f"The mean was \\measured{{{m.id}}}{{{m.value:.3f}}}." for m in means) or "Nothing was measured."
        )
        kept = tuple(s for s in work.manuscript.sections if s.role != "results")
        section = Section(heading="Results", body=body, role="results")
        return Turn(work.manuscript.model_copy(update={"sections": (*kept, section)}))

    async def revise(self, work: Work, ctx: StageContext) -> Turn[Revision]:
        """Answer every point: evidence by experiment, the rest by text."""
        assert work.manuscript is not None
        assert work.assessment is not None
        await self._act(ctx)
        responses = tuple(
            PointResponse(point=p.id, action="experiment" if p.asks == "evidence" else "text", answer="It is done.")
            for p in work.assessment.points
        )
        section = Section(heading=f"Answers of round {work.round}", body="We thank the reviewers.", role="discussion")
        revised = work.manuscript.model_copy(update={"sections": (*work.manuscript.sections, section)})
        return Turn(Revision(manuscript=revised, responses=responses))
