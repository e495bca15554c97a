"""The paper, section by section: each prompt holds what fits of the rest, and each answer is held to the evidence."""

from __future__ import annotations

from collections.abc import Collection

from peercycle.agents.policies.prompted.evidence import faults_of, mended
from peercycle.agents.policies.prompted.material import show_manuscript, show_measurements, show_sections, show_works
from peercycle.agents.policies.prompted.outlining import outlined, roles_of, tell_left_out
from peercycle.agents.policies.prompted.questions import ask, turns, words
from peercycle.agents.policies.prompted.settings import PromptedSettings
from peercycle.agents.structured.asking import Answer, BadAnswerError, taken
from peercycle.agents.structured.schemas import record, text
from peercycle.core.base import JSON
from peercycle.core.contracts import StageContext, Work
from peercycle.core.experiments import ExperimentResults
from peercycle.core.modelling import Message
from peercycle.core.writing import Manuscript, Section, SectionPlan, SectionRole

CLOSING: tuple[tuple[str, SectionRole, str], ...] = (
    ("Results", "results", "Say what was measured, arm against arm, with the spread over seeds, and what it means."),
    ("Limitations", "limitations", "Say what was not shown, and what would change the findings."),
    ("Conclusion", "conclusion", "Say in a paragraph what was learned."),
)
"""Sections that are written when the results are there."""


async def front(work: Work, settings: PromptedSettings, ctx: StageContext) -> Manuscript:
    """Write everything that no result is needed for."""
    assert work.outline is not None
    outline = work.outline
    sections: list[Section] = []
    for number, (plan, role) in enumerate(zip(outline.sections, roles_of(outline), strict=True)):
        body = await _section(
            work, plan, role, sections, settings, ctx, label=f"section {number + 1} {plan.heading!r}"
        )
        sections.append(Section(heading=plan.heading, body=body, role=role))
    manuscript = Manuscript(title=outline.title, abstract="", sections=tuple(sections))
    return manuscript.model_copy(update={"abstract": await _abstract(manuscript, None, settings, ctx)})


async def closing(work: Work, settings: PromptedSettings, ctx: StageContext) -> Manuscript:
    """Write results, limitations and conclusion anew, and the abstract after them."""
    assert work.manuscript is not None
    fresh = {role for _, role, _ in CLOSING}
    sections = [section for section in work.manuscript.sections if section.role not in fresh]
    measured = bool(work.results and work.results.measurements)
    for heading, role, purpose in CLOSING:
        if role == "results" and not measured:
            continue
        plan = SectionPlan(heading=heading, purpose=purpose)
        body = await _section(work, plan, role, sections, settings, ctx, label=f"section {heading!r}")
        sections.append(Section(heading=heading, body=body, role=role))
    manuscript = work.manuscript.model_copy(update={"sections": tuple(sections)})
    abstract = await _abstract(manuscript, work.results if measured else None, settings, ctx)
    return manuscript.model_copy(update={"abstract": abstract})


async def _section(
    work: Work,
    plan: SectionPlan,
    role: SectionRole,
    written: list[Section],
    settings: PromptedSettings,
    ctx: StageContext,
    *,
    label: str,
) -> str:
    room = settings.prompt_characters - 3000
    reporting = role in {"results", "limitations", "conclusion", "discussion"}
    results = work.results if reporting else None
    measurements = show_measurements(results, room // 4)
    first = [entry for entry in work.bibliography.entries if entry.key in plan.cites]
    others = [entry for entry in work.bibliography.entries if entry.key not in plan.cites]
    shown = show_works([*first, *others], room // 3)
    await tell_left_out(shown, ctx)
    outline = outlined(work.outline) if work.outline else work.task.topic
    left = room - len(measurements) - len(shown.text) - len(outline)
    messages = turns(
        "section",
        outline=outline,
        works=shown.text,
        written=show_sections(written, max(0, left)),
        heading=plan.heading,
        role=role,
        purpose=plan.purpose,
        measurements=measurements,
        reports_results=reporting,
        why_nothing=(work.results.reason if work.results else None) or "",
        most=settings.section_characters,
    )
    return await ask_body(
        ctx, settings, label, messages, role, work.bibliography.keys, results, settings.section_characters
    )


async def _abstract(
    manuscript: Manuscript, results: ExperimentResults | None, settings: PromptedSettings, ctx: StageContext
) -> str:
    room = settings.prompt_characters - 2000
    measurements = show_measurements(results, room // 4)
    messages = turns(
        "abstract",
        paper=show_manuscript(manuscript, room - len(measurements)),
        measurements=measurements,
        most=2 * settings.text_characters,
    )
    return await ask_body(ctx, settings, "abstract", messages, "results", (), results, 2 * settings.text_characters)


async def ask_body(
    ctx: StageContext,
    settings: PromptedSettings,
    label: str,
    messages: tuple[Message, ...],
    role: SectionRole,
    keys: Collection[str],
    results: ExperimentResults | None,
    most: int,
) -> str:
    """Ask for a text of the paper. Unknown citations and unbound numbers are refused, and at last taken out."""

    def read(said: dict[str, JSON]) -> Answer[str]:
        body = words(said["body"])
        faults = faults_of(body, role, keys, results)
        if not faults:
            return taken(body)
        rest = mended(body, role, keys, results)
        raise BadAnswerError("; ".join(faults), fallback=Answer(rest.text, rest.reports))

    return await ask(ctx, settings, label, record(body=text(most)), messages, read)
