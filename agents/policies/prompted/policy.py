"""The policy: every decision and every sentence is asked of a model, and held to what can be checked."""

from __future__ import annotations

from collections.abc import Sequence

from peercycle.agents.policies.prompted.experimenting import planned, repaired
from peercycle.agents.policies.prompted.outlining import outline_of, placed, search_queries
from peercycle.agents.policies.prompted.revising import revised
from peercycle.agents.policies.prompted.settings import PromptedSettings
from peercycle.agents.policies.prompted.writing import closing, front
from peercycle.core.contracts import StageContext, Turn, Work
from peercycle.core.experiments import Experiment, ExperimentPlan
from peercycle.core.literature import Reference
from peercycle.core.writing import Manuscript, Outline, Revision


class PromptedPolicy:
    """Asks the model of the role `policy` for everything, and that of `coder` for programs.

    It keeps no memory: each prompt is made of the paper as it stands. What a model invents is refused, asked for
    again, and at last taken out and logged: citations that the bibliography does not have, numbers that no
    measurement is bound to.
    """

    needs_model = True

    def __init__(self, settings: PromptedSettings) -> None:
        self.settings = settings

    async def queries(self, work: Work, ctx: StageContext) -> Turn[tuple[str, ...]]:
        """Return the topic, or the idea, and further searches."""
        return Turn(await search_queries(work, self.settings, ctx))

    async def outline(self, work: Work, ctx: StageContext) -> Turn[Outline]:
        """Find a question and outline a paper on it."""
        return Turn(await outline_of(work, self.settings, ctx))

    async def related(self, work: Work, found: Sequence[Reference], ctx: StageContext) -> Turn[Outline]:
        """Place the idea against earlier works."""
        return Turn(await placed(work, found, self.settings, ctx))

    async def write(self, work: Work, ctx: StageContext) -> Turn[Manuscript]:
        """Write the front, section by section."""
        return Turn(await front(work, self.settings, ctx))

    async def plan(self, work: Work, ctx: StageContext) -> Turn[ExperimentPlan]:
        """Plan experiments, and have their programs written."""
        return Turn(await planned(work, self.settings, ctx))

    async def repair(
        self, work: Work, experiment: Experiment, failure: str, ctx: StageContext
    ) -> Turn[Experiment | None]:
        """Have a failed program mended."""
        return Turn(await repaired(experiment, failure, self.settings, ctx))

    async def conclude(self, work: Work, ctx: StageContext) -> Turn[Manuscript]:
        """Write what the results say; a revision that measured nothing new keeps its text."""
        assert work.manuscript is not None
        if work.revision is not None and not (work.plan and work.plan.experiments):
            return Turn(work.manuscript)
        return Turn(await closing(work, self.settings, ctx))

    async def revise(self, work: Work, ctx: StageContext) -> Turn[Revision]:
        """Answer the reviewers."""
        return Turn(await revised(work, self.settings, ctx))
