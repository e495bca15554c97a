"""The policy: no model, deterministic by seed, and nothing held between calls."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from peercycle.agents.policies.extractive.analysis import analyse
from peercycle.agents.policies.extractive.corpus import Corpus, bound_warning, read_corpus
from peercycle.agents.policies.extractive.draft_plan import draft_plan
from peercycle.agents.policies.extractive.material import Material
from peercycle.agents.policies.extractive.notes import Notes
from peercycle.agents.policies.extractive.outlining import outline_of, search_queries
from peercycle.agents.policies.extractive.paper import compose
from peercycle.agents.policies.extractive.planning import corpus_file
from peercycle.agents.policies.extractive.repairing import mended
from peercycle.agents.policies.extractive.revising import revision_of
from peercycle.agents.policies.extractive.settings import ExtractiveSettings
from peercycle.agents.policies.extractive.strategy import choose
from peercycle.core.contracts import StageContext, Turn, Work
from peercycle.core.experiments import Experiment, ExperimentPlan
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.writing import Manuscript, Outline, Revision


class ExtractivePolicy:
    """Writes a systematic map of the given literature, and measures it where it can.

    The corpus is the task's own bibliography, or what the first search found where the task has none. The analysis
    is kept in the policy's memory, so that later calls of a candidate work on the same clusters.
    """

    def __init__(self, settings: ExtractiveSettings) -> None:
        self.settings = settings

    async def queries(self, work: Work, ctx: StageContext) -> Turn[tuple[str, ...]]:
        """Return the topic at first, and the names of the clusters once there is an outline."""
        notes = await self._remembered(work, ctx) if work.outline is not None else None
        return Turn(search_queries(work, notes), work.memory)

    async def outline(self, work: Work, ctx: StageContext) -> Turn[Outline]:
        """Analyse the corpus under this candidate's strategy, and say what the map will hold."""
        corpus, notes = await self._analysed(work, ctx)
        if warning := bound_warning(notes.facts):
            await ctx.log(warning, warning=True)
        if notes.declined is None:
            ref = await ctx.artifacts.put(
                await asyncio.to_thread(corpus_file, corpus, notes), media_type="application/json", name="corpus.json"
            )
            notes = notes.model_copy(update={"corpus": ref})
        return Turn(outline_of(work, notes), await ctx.save(notes))

    async def related(self, work: Work, found: Sequence[Reference], ctx: StageContext) -> Turn[Outline]:
        """Note what the second search found beyond the corpus, and name the nearest works."""
        notes = await self._notes(work, ctx)
        inside = {entry.key for entry in self._source(work).entries}
        known = work.bibliography.keys
        beyond = tuple(dict.fromkeys(r.key for r in found if r.key in known and r.key not in inside))
        notes = notes.model_copy(update={"found": beyond})
        return Turn(outline_of(work, notes), await ctx.save(notes))

    async def write(self, work: Work, ctx: StageContext) -> Turn[Manuscript]:
        """Write everything that no result is needed for."""
        notes = await self._notes(work, ctx)
        return Turn(await self._composed(work, notes, concluded=False), await ctx.save(notes))

    async def plan(self, work: Work, ctx: StageContext) -> Turn[ExperimentPlan]:
        """Plan the draft's studies, or return what the revision in hand has planned."""
        notes = await self._notes(work, ctx)
        if work.revision is not None and notes.pending is not None:
            return Turn(notes.pending, await ctx.save(notes.model_copy(update={"pending": None})))
        plan, notes = draft_plan(work, notes, self.settings, ctx.options.seed)
        return Turn(plan, await ctx.save(notes))

    async def repair(
        self, work: Work, experiment: Experiment, failure: str, ctx: StageContext
    ) -> Turn[Experiment | None]:
        """Return a cheaper or plainer form of a study that failed; the user's own program is never changed."""
        _ = ctx
        return Turn(mended(experiment, failure), work.memory)

    async def conclude(self, work: Work, ctx: StageContext) -> Turn[Manuscript]:
        """Write the paper with what was measured, or with why nothing was."""
        notes = await self._notes(work, ctx)
        return Turn(await self._composed(work, notes, concluded=True), await ctx.save(notes))

    async def revise(self, work: Work, ctx: StageContext) -> Turn[Revision]:
        """Answer each point by a change, by an execution, or by the reason why it is declined."""
        notes = await self._notes(work, ctx)
        revision, notes = revision_of(work, notes, self.settings, ctx.options.seed)
        return Turn(revision, await ctx.save(notes))

    async def _notes(self, work: Work, ctx: StageContext) -> Notes:
        remembered = await self._remembered(work, ctx)
        return remembered if remembered is not None else (await self._analysed(work, ctx))[1]

    @staticmethod
    async def _remembered(work: Work, ctx: StageContext) -> Notes | None:
        return await ctx.load(work.memory, Notes) if work.memory is not None else None

    async def _analysed(self, work: Work, ctx: StageContext) -> tuple[Corpus, Notes]:
        # Reading and clustering a thousand works takes seconds; other candidates, and a stop, go on meanwhile.
        topic, source = work.task.topic, self._source(work)
        corpus = await asyncio.to_thread(read_corpus, topic, source)
        strategy = choose(len(corpus.works), self.settings, ctx)
        return corpus, await asyncio.to_thread(analyse, topic, source.entries, corpus, strategy, self.settings)

    async def _composed(self, work: Work, notes: Notes, *, concluded: bool) -> Manuscript:
        # In a thread: the words of every entry are read.
        return await asyncio.to_thread(lambda: compose(Material.of(work, notes, self.settings, concluded=concluded)))

    @staticmethod
    def _source(work: Work) -> Bibliography:
        return work.task.bibliography if work.task.bibliography.entries else work.bibliography
