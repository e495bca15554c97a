"""The policy: one conversation of the published shape, in which real results take the place of imagined ones."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from peercycle.agents.formats import cycleresearcher as format_
from peercycle.agents.formats.cycleresearcher import GeneratedPaper
from peercycle.agents.policies.cycleresearcher.conversation import (
    Conversation,
    first_turn,
    keep,
    remembered,
    system_turn,
)
from peercycle.agents.policies.cycleresearcher.manuscripts import sections_of
from peercycle.agents.policies.cycleresearcher.one_shot import imagine
from peercycle.agents.policies.cycleresearcher.settings import CycleResearcherSettings
from peercycle.agents.policies.cycleresearcher.tables import HEADING, imagined, results_turn
from peercycle.agents.policies.prompted.evidence import one_line, without_unknown
from peercycle.agents.policies.prompted.experimenting import free_id, repaired, script_of
from peercycle.agents.policies.prompted.settings import PromptedSettings
from peercycle.agents.structured.asking import Answer, BadAnswerError, Question, ask_text, taken
from peercycle.core.base import JSON
from peercycle.core.contracts import StageContext, Turn, Work
from peercycle.core.errors import PolicyError, UnparsableAnswerError
from peercycle.core.experiments import Experiment, ExperimentPlan
from peercycle.core.literature import Reference
from peercycle.core.sandboxing import EnvironmentSpec, Limits
from peercycle.core.writing import Manuscript, Outline, PointResponse, Revision, Section, SectionPlan

ROLE = "policy"
_RESULTS_BEGIN = re.compile(r"#{2,4}[ \t]*experiment(?:al)?[ _]results", re.IGNORECASE)
DECLINED = "the published protocol has no turn in which the model answers reviews; nothing was changed"


class CycleResearcherPolicy:
    """Speaks the protocol that CycleResearcher was trained on, and stops where it was to wait for results.

    The first answer serves outline, front and plan; programs are written by the model of the role `coder`. Results
    are the next user turn. Reviews are declined: the protocol has no turn for them.
    """

    needs_model = True

    def __init__(self, settings: CycleResearcherSettings) -> None:
        self.settings = settings

    async def queries(self, work: Work, ctx: StageContext) -> Turn[tuple[str, ...]]:
        """Return the topic, or the title."""
        return Turn((work.outline.title if work.outline else work.task.topic,), work.memory)

    async def outline(self, work: Work, ctx: StageContext) -> Turn[Outline]:
        """Have ideas, front and set-up written in one turn, and keep it."""
        first, left_out = first_turn(work.task.topic, work.bibliography.entries, self.settings.prompt_characters)
        if left_out:
            await ctx.log(f"{left_out} works of the bibliography do not fit into the prompt and were not shown")
        begun = Conversation(turns=(system_turn(), first))
        # A model that goes on past its turn would invent the results.
        sampling = self.settings.sampling
        sampling = sampling.model_copy(update={"stop": (*sampling.stop, HEADING, "## Experimental Results")})
        answer = await ask_text(Question("ideas and front", ROLE, begun.turns, sampling), ctx, _read_front)
        said, paper = answer.value
        await _tell((*answer.reports, *paper.problems), ctx)
        memory = await keep(begun.and_then("assistant", said), ctx)
        sections = tuple(SectionPlan(heading=one_line(s.heading)) for s in sections_of(paper.latex))
        outline = Outline(
            title=one_line(paper.title),
            motivation=paper.motivation,
            idea=paper.idea,
            sections=sections,
            interestingness=paper.interestingness,
            feasibility=paper.feasibility,
            novelty=paper.novelty,
        )
        return Turn(outline, memory)

    async def related(self, work: Work, found: Sequence[Reference], ctx: StageContext) -> Turn[Outline]:
        """Note the nearest works; the conversation does not change."""
        assert work.outline is not None
        nearest = tuple(reference.key for reference in found[:6])
        return Turn(work.outline.model_copy(update={"nearest_prior": nearest}), work.memory)

    async def write(self, work: Work, ctx: StageContext) -> Turn[Manuscript]:
        """Return the front that the first turn holds."""
        _, paper = await self._front(work, ctx)
        title = work.outline.title if work.outline else one_line(paper.title)
        abstract = await _cited(paper.abstract, (), ctx)
        sections = await _held(sections_of(paper.latex), work, ctx)
        return Turn(Manuscript(title=title, abstract=abstract, sections=sections), work.memory)

    async def plan(self, work: Work, ctx: StageContext) -> Turn[ExperimentPlan]:
        """Make experiments of the set-up, each with a program, or without where results are to be imagined."""
        if not work.experiments_run:
            return Turn(ExperimentPlan(declined="this run has no experiments: nothing can be measured"), work.memory)
        if work.revision is not None:
            return Turn(ExperimentPlan(declined=DECLINED), work.memory)
        _, paper = await self._front(work, ctx)
        setup = paper.experimental_setup if isinstance(paper.experimental_setup, list) else []
        experiments: list[Experiment] = []
        for entry in [entry for entry in setup if isinstance(entry, dict)][: self.settings.experiments]:
            made = self._experiment(entry, {experiment.id for experiment in experiments})
            script: str | None = "raise SystemExit('imagined, not run')\n"
            if ctx.options.experiments != "simulate":
                script = await self._program(made, ctx)
            if script:
                experiments.append(made.model_copy(update={"script": script}))
        declined = None if experiments else "the set-up holds no experiment for which a program could be written"
        return Turn(ExperimentPlan(experiments=tuple(experiments), declined=declined), work.memory)

    async def repair(
        self, work: Work, experiment: Experiment, failure: str, ctx: StageContext
    ) -> Turn[Experiment | None]:
        """Have a failed program mended."""
        return Turn(await repaired(experiment, failure, self._coding(), ctx), work.memory)

    async def simulate(self, work: Work, ctx: StageContext) -> Turn[Mapping[str, JSON]]:
        """Let the model write the results and the rest itself, as the published one-shot inference did."""
        conversation, _ = await self._front(work, ctx)
        paper = await imagine(conversation, ROLE, self.settings.sampling, ctx)
        await _tell(paper.problems, ctx)
        memory = await keep(Conversation(turns=conversation.turns[:-1]).and_then("assistant", paper.text), ctx)
        experiments = work.plan.experiments if work.plan else ()
        return Turn(imagined(paper.experimental_results, experiments), memory)

    async def conclude(self, work: Work, ctx: StageContext) -> Turn[Manuscript]:
        """Hand over the results as the next turn, and add what the model writes of them."""
        assert work.manuscript is not None
        if work.revision is not None:
            return Turn(work.manuscript, work.memory)
        conversation, paper = await self._front(work, ctx)
        front = {section.heading for section in work.manuscript.sections}
        if paper.experimental_results is not None:
            rest = tuple(s for s in sections_of(paper.latex) if one_line(s.heading) not in front)
            memory = work.memory
        else:
            asked = conversation.and_then("user", results_turn(work.results))
            question = Question("the rest of the paper", ROLE, asked.turns, self.settings.sampling)
            said, rest = (await ask_text(question, ctx, _read_rest)).value
            memory = await keep(asked.and_then("assistant", said), ctx)
        sections = (*work.manuscript.sections, *await _held(rest, work, ctx))
        return Turn(work.manuscript.model_copy(update={"sections": sections}), memory)

    async def revise(self, work: Work, ctx: StageContext) -> Turn[Revision]:
        """Decline every point, with the reason."""
        assert work.manuscript is not None
        assert work.assessment is not None
        responses = tuple(
            PointResponse(point=point.id, action="decline", answer=DECLINED) for point in work.assessment.points
        )
        return Turn(Revision(manuscript=work.manuscript, responses=responses), work.memory)

    async def _front(self, work: Work, ctx: StageContext) -> tuple[Conversation, GeneratedPaper]:
        conversation = await remembered(work.memory, ctx)
        if conversation is None:
            raise PolicyError("policy 'cycleresearcher' has no conversation in memory; its outline comes first")
        answers = [turn.content for turn in conversation.turns if turn.role == "assistant"]
        return conversation, format_.parse(answers[0])

    def _experiment(self, entry: Mapping[str, JSON], used: set[str]) -> Experiment:
        name = " ".join(str(entry.get("name") or "experiment").split())[:200]
        return Experiment(
            id=free_id(name, used),
            question=name,
            method=str(entry.get("description") or ""),
            script="",
            seeds=tuple(range(self.settings.seeds)),
            environment=EnvironmentSpec(name=self.settings.environment),
            limits=Limits(wall_s=self.settings.experiment_seconds),
        )

    async def _program(self, experiment: Experiment, ctx: StageContext) -> str | None:
        try:
            return await script_of(experiment, self._coding(), ctx)
        except UnparsableAnswerError as error:
            await ctx.log(f"experiment {experiment.id!r} has no program: {error}")
            return None

    def _coding(self) -> PromptedSettings:
        settings = self.settings
        return PromptedSettings(
            temperature=settings.temperature,
            top_p=settings.top_p,
            answer_tokens=min(settings.answer_tokens, 8000),
            context_tokens=settings.context_tokens,
            experiment_seconds=settings.experiment_seconds,
            environment=settings.environment,
            script_characters=settings.script_characters,
        )


def _read_front(said: str) -> Answer[tuple[str, GeneratedPaper]]:
    """Read the first turn. Raises `BadAnswerError` where title or text is missing."""
    invented = _RESULTS_BEGIN.search(said)
    kept = said[: invented.start()].rstrip() if invented else said
    paper = format_.parse(kept)
    if not paper.title or not sections_of(paper.latex):
        raise BadAnswerError(f"it has no {'sections' if paper.title else 'title'} in a latex block")
    if not isinstance(paper.experimental_setup, list):
        fault = "it has no list of experiments in a json block under ## Experimental Setup"
        raise BadAnswerError(fault, fallback=Answer((kept, paper), (fault,)))
    return taken((kept, paper))


def _read_rest(said: str) -> Answer[tuple[str, tuple[Section, ...]]]:
    """Read the last turn. Raises `BadAnswerError` where it has no section."""
    sections = sections_of(format_.parse(said).latex or said)
    if not sections:
        raise BadAnswerError("it has no \\section in a latex block")
    return taken((said, sections))


async def _held(sections: Sequence[Section], work: Work, ctx: StageContext) -> tuple[Section, ...]:
    """Return sections whose citations the bibliography has; what was dropped is logged."""
    return tuple(
        [
            section.model_copy(
                update={
                    "heading": one_line(section.heading) or "Section",
                    "body": await _cited(section.body, work.bibliography.keys, ctx),
                }
            )
            for section in sections
        ]
    )


async def _cited(body: str, keys: Collection[str], ctx: StageContext) -> str:
    text, reports = without_unknown(body, keys)
    for report in reports:
        await ctx.log(report)
    return text


async def _tell(problems: Sequence[str], ctx: StageContext) -> None:
    for problem in problems:
        await ctx.log(f"the model's answer: {problem}")
