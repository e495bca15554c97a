"""`direct`: the whole paper in one completion. The smallest policy that a trainer can make better.

What it asks for is one prompt, so that an episode is one segment: what was sampled is what is trained.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from peercycle.core.base import Word
from peercycle.core.contracts import StageContext, Turn, Work
from peercycle.core.experiments import Experiment, ExperimentPlan
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.modelling import Message, ModelRequest, Sampling
from peercycle.core.writing import Manuscript, Outline, PointResponse, ResearchTask, Revision, Section

ROLE = "policy"
"""The model's role: what is configured for it, else the default model."""

PROMPT = """\
Write a short paper in LaTeX, without a preamble, on this topic: {topic}

Cite only these works, each as \\cite{KEY}:
{works}
{notes}"""


class DirectSettings(Word):
    """What is asked, and how the answer is drawn."""

    prompt: str = PROMPT
    """The user's turn. `{topic}`, `{works}` (a line each), `{keys}` (with blanks between) and `{notes}` are filled in."""
    system: str = ""
    """The system's turn; none where it is empty."""
    heading: str = "Paper"
    """Heading of the one section that holds the answer."""
    temperature: float = Field(default=0.7, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int = Field(default=4096, ge=1)
    stop: tuple[str, ...] = ()


def prompt_messages(settings: DirectSettings, task: ResearchTask, works: Bibliography) -> tuple[Message, ...]:
    """Return the conversation that a paper on this task is asked for with: the same here and in demonstrations."""
    listed = "\n".join(f"{entry.key}: {entry.title}" for entry in works.entries)
    keys = " ".join(entry.key for entry in works.entries)
    filled = settings.prompt
    # One after the other and not with `format`: prompts and keys may hold braces.
    for name, value in {"topic": task.topic, "works": listed, "keys": keys, "notes": task.notes}.items():
        filled = filled.replace(f"{{{name}}}", value)
    system = (Message(role="system", content=settings.system),) if settings.system else ()
    return (*system, Message(role="user", content=filled))


class DirectPolicy:
    """Asks its model once, and takes the answer as the paper. It plans nothing and revises nothing."""

    needs_model = True

    def __init__(self, settings: DirectSettings) -> None:
        self._settings = settings

    async def queries(self, work: Work, ctx: StageContext) -> Turn[tuple[str, ...]]:
        """Return the topic."""
        return Turn((work.task.topic,))

    async def outline(self, work: Work, ctx: StageContext) -> Turn[Outline]:
        """Return the topic as a title; nothing is asked."""
        return Turn(Outline(title=work.task.topic))

    async def related(self, work: Work, found: Sequence[Reference], ctx: StageContext) -> Turn[Outline]:
        """Name the nearest works."""
        outline = work.outline or Outline(title=work.task.topic)
        return Turn(outline.model_copy(update={"nearest_prior": tuple(work.key for work in found[:3])}))

    async def write(self, work: Work, ctx: StageContext) -> Turn[Manuscript]:
        """Ask for the paper. What the model says is the paper, also where it says nothing."""
        settings = self._settings
        request = ModelRequest(
            messages=prompt_messages(settings, work.task, work.bibliography),
            sampling=Sampling(
                temperature=settings.temperature,
                top_p=settings.top_p,
                max_tokens=settings.max_tokens,
                stop=settings.stop,
            ),
            seed=ctx.rng.randrange(2**31),
        )
        (result,) = await ctx.model(ROLE).generate([request])
        section = Section(heading=settings.heading, body=result.text.strip())
        return Turn(Manuscript(title=work.task.topic, abstract="", sections=(section,)))

    async def plan(self, work: Work, ctx: StageContext) -> Turn[ExperimentPlan]:
        """Plan nothing."""
        return Turn(ExperimentPlan(declined="this policy writes from the literature alone"))

    async def repair(
        self, work: Work, experiment: Experiment, failure: str, ctx: StageContext
    ) -> Turn[Experiment | None]:
        """Give up: it plans no program."""
        return Turn(None)

    async def conclude(self, work: Work, ctx: StageContext) -> Turn[Manuscript]:
        """Return the paper as it was written."""
        return Turn(work.manuscript or Manuscript(title=work.task.topic, abstract=""))

    async def revise(self, work: Work, ctx: StageContext) -> Turn[Revision]:
        """Decline every point: it writes once."""
        points = work.assessment.points if work.assessment else ()
        declined = "this policy writes its paper once; have it write several candidates instead"
        responses = tuple(PointResponse(point=point.id, action="decline", answer=declined) for point in points)
        paper = work.manuscript or Manuscript(title=work.task.topic, abstract="")
        return Turn(Revision(manuscript=paper, responses=responses))
