"""What happens once a run: reading its task, and finding its literature."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from peercycle.core.base import JSON
from peercycle.core.complaints import complaint_of
from peercycle.core.contracts import Work
from peercycle.core.counting import counted
from peercycle.core.errors import BadInputError
from peercycle.core.literature import Bibliography
from peercycle.core.sameness import new_works
from peercycle.core.topicality import off_topic
from peercycle.core.writing import ResearchTask, UserStudy
from peercycle.graphs.context import DriverContext
from peercycle.graphs.finding import choose, find

ReadBibliography = Callable[[str], Bibliography]
"""Reads BibTeX text, or the file at a path; handed in, because this room knows no format."""


class LiteratureStage:
    """Searches for what the topic needs, and adds it to the task's own works."""

    name = "literature"

    async def __call__(self, _: Mapping[str, Any], ctx: DriverContext) -> Mapping[str, JSON]:
        """Ask the policy for queries, search, and keep every work once; the task's own works where it is skipped.

        A list that has nothing to do with the topic is said first, whoever writes.
        """
        known = ctx.run.task.bibliography
        await self._warn_off_topic(known, ctx)
        if self.name in ctx.options.skip:
            return {"works": await ctx.save(known)}
        work = Work(task=ctx.run.task, bibliography=known, experiments_run=ctx.options.experiments != "off")
        queries = (await ctx.run.policy.queries(work, ctx)).value
        found = await find(queries, ctx.run.task.topic, known, ctx)
        new = new_works(choose(found.works, known) if found.online else found.works, known)
        works = known.model_copy(update={"entries": (*known.entries, *new)}) if new else known
        if not known.entries:
            await self._warn_off_topic(works, ctx)
        await ctx.log(
            f"{counted(len(works.entries), 'work')}, {len(new)} of them found by {counted(len(queries), 'query', 'queries')}"
        )
        if found.online:
            without = sum(not entry.abstract for entry in works.entries)
            await ctx.log(f"{found.remark}; {without} of the {len(works.entries)} kept have no abstract")
        return {"works": await ctx.save(works)}

    async def _warn_off_topic(self, works: Bibliography, ctx: DriverContext) -> None:
        # In a thread: of a list off the topic, every entry is read.
        if warning := await asyncio.to_thread(off_topic, ctx.run.task.topic, works.entries):
            await ctx.log(warning, warning=True)


def read_task(state: Mapping[str, Any], read_bibliography: ReadBibliography | None = None) -> ResearchTask:
    """Return the task that a caller of the bare graph handed in. Raises `BadInputError`."""
    topic = state.get("topic")
    if not isinstance(topic, str) or not topic.strip():
        raise BadInputError(f"the input needs a topic, a text; got {topic!r}")
    try:
        return ResearchTask(
            topic=topic,
            bibliography=_bibliography(state.get("bibliography"), read_bibliography),
            study=UserStudy.model_validate(state["study"]) if state.get("study") else None,
            notes=state.get("notes") or "",
        )
    except ValidationError as error:
        raise BadInputError(
            f"the input is no research task: {error.errors()[0]['loc']}: {complaint_of(error.errors()[0])}"
        ) from None


def _bibliography(given: Any, read_bibliography: ReadBibliography | None) -> Bibliography:
    if given is None:
        return Bibliography()
    if isinstance(given, Bibliography | Mapping):
        return Bibliography.model_validate(given)
    if isinstance(given, str) and read_bibliography is not None:
        return read_bibliography(given)
    raise BadInputError(f"the input's bibliography must be a Bibliography or its JSON; got {type(given).__name__}")
