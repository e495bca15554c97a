"""Queries, the outline, and its place among earlier works."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from peercycle.agents.policies.prompted.evidence import one_line
from peercycle.agents.policies.prompted.material import Shown, show_works
from peercycle.agents.policies.prompted.questions import ask, records, texts, turns, whole, words
from peercycle.agents.policies.prompted.settings import PromptedSettings
from peercycle.agents.structured.asking import Answer, taken
from peercycle.agents.structured.schemas import Schema, integer, listed, one_of, record, text
from peercycle.core.base import JSON
from peercycle.core.contracts import StageContext, Work
from peercycle.core.literature import Reference
from peercycle.core.writing import Outline, SectionPlan, SectionRole

FRONT_ROLES: tuple[SectionRole, ...] = ("introduction", "related", "method", "other")
"""Roles of sections that are written before there are results."""
QUERIES = 3


async def search_queries(work: Work, settings: PromptedSettings, ctx: StageContext) -> tuple[str, ...]:
    """Return the topic, or the idea's title, and what the model would search for besides."""
    outline = outlined(work.outline) if work.outline else ""
    messages = turns("queries", topic=work.task.topic, outline=outline, most=QUERIES)
    schema = record(queries=listed(text(120), QUERIES, least=1))
    asked = await ask(ctx, settings, "queries", schema, messages, lambda said: taken(texts(said["queries"])))
    first = work.outline.title if work.outline else work.task.topic
    return tuple(dict.fromkeys((first, *asked)))


async def outline_of(work: Work, settings: PromptedSettings, ctx: StageContext) -> Outline:
    """Return an outline."""
    shown = show_works(work.bibliography.entries, settings.prompt_characters - 4000)
    await tell_left_out(shown, ctx)
    messages = turns(
        "outline",
        topic=work.task.topic,
        notes=work.task.notes,
        works=shown.text,
        experiments=work.experiments_run,
        sections=settings.sections,
    )
    schema = _outline_schema(shown.keys, settings)
    outline = await ask(ctx, settings, "outline", schema, messages, lambda said: taken(_outline(said)))
    return outline if outline.title.strip() else outline.model_copy(update={"title": work.task.topic})


async def placed(work: Work, found: Sequence[Reference], settings: PromptedSettings, ctx: StageContext) -> Outline:
    """Return the outline with its idea placed against what a second search found."""
    assert work.outline is not None
    outline = work.outline
    shown = show_works(found or work.bibliography.entries, settings.prompt_characters - 4000)
    await tell_left_out(shown, ctx)
    short = text(settings.text_characters)
    parts = {"idea": short, "motivation": short, "novelty": integer(1, 10)}
    schema = record(**parts, **_keys("nearest_prior", shown.keys, 6))

    def read(said: dict[str, JSON]) -> Answer[Outline]:
        changes = {
            "idea": words(said["idea"]),
            "motivation": words(said["motivation"]),
            "novelty": float(whole(said["novelty"])),
            "nearest_prior": texts(said.get("nearest_prior") or []),
        }
        return taken(outline.model_copy(update=changes))

    return await ask(
        ctx, settings, "related work", schema, turns("related", outline=outlined(outline), works=shown.text), read
    )


async def tell_left_out(shown: Shown, ctx: StageContext) -> None:
    """Log how many works a prompt had no room for."""
    if shown.left_out:
        await ctx.log(f"{shown.left_out} works of the bibliography do not fit into the prompt and were not shown")


def outlined(outline: Outline) -> str:
    """Return an outline for a prompt."""
    lines = [f"Title: {outline.title}", f"Motivation: {outline.motivation}", f"Idea: {outline.idea}"]
    lines += [f"Question: {question}" for question in outline.questions]
    lines += [f"Section ({s.heading}): {s.purpose}" for s in outline.sections]
    if outline.nearest_prior:
        lines.append(f"Nearest works: {', '.join(outline.nearest_prior)}")
    return "\n".join(lines)


def _keys(name: str, keys: Sequence[str], most: int) -> dict[str, Schema]:
    """Return the schema of a list of citation keys; nothing where there are none to choose from."""
    return {name: listed(one_of(keys), most)} if keys else {}


def _outline_schema(keys: Sequence[str], settings: PromptedSettings) -> Schema:
    short, name = text(settings.text_characters), text(min(160, settings.text_characters))
    section = record(
        heading=text(min(80, settings.text_characters)),
        role=one_of(FRONT_ROLES),
        purpose=short,
        **_keys("cites", keys, 12),
    )
    rating = integer(1, 10)
    return record(
        title=name,
        motivation=short,
        idea=short,
        questions=listed(name, 4, least=1),
        sections=listed(section, settings.sections, least=2),
        interestingness=rating,
        feasibility=rating,
        novelty=rating,
        **_keys("nearest_prior", keys, 6),
    )


def _outline(said: dict[str, JSON]) -> Outline:
    sections = tuple(
        SectionPlan(
            heading=one_line(words(s["heading"])) or "Section",
            purpose=words(s["purpose"]),
            cites=texts(s.get("cites") or []),
        )
        for s in records(said["sections"])
    )
    roles = [words(s["role"]) for s in records(said["sections"])]
    return Outline(
        title=one_line(words(said["title"])),
        motivation=words(said["motivation"]),
        idea=words(said["idea"]),
        questions=texts(said["questions"]),
        sections=sections,
        nearest_prior=texts(said.get("nearest_prior") or []),
        interestingness=float(whole(said["interestingness"])),
        feasibility=float(whole(said["feasibility"])),
        novelty=float(whole(said["novelty"])),
        extra={"prompted": {"roles": list[JSON](roles)}},
    )


def roles_of(outline: Outline) -> tuple[SectionRole, ...]:
    """Return the role of each section of an outline, as the model gave them; `other` where it did not."""
    kept = outline.extra.get("prompted")
    given = kept.get("roles") if isinstance(kept, dict) else None
    known = get_args(SectionRole)
    roles = [role if role in known else "other" for role in given] if isinstance(given, list) else []
    padded = [*roles, *["other"] * len(outline.sections)][: len(outline.sections)]
    return tuple(padded)  # type: ignore[arg-type]
