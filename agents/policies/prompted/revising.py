"""Answers to reviewers: decided point by point, then written section by section."""

from __future__ import annotations

from peercycle.agents.policies.prompted.material import show_manuscript, show_measurements, show_works
from peercycle.agents.policies.prompted.questions import ask, records, turns, words
from peercycle.agents.policies.prompted.settings import PromptedSettings
from peercycle.agents.policies.prompted.writing import ask_body
from peercycle.agents.structured.asking import Answer, BadAnswerError, taken
from peercycle.agents.structured.schemas import listed, one_of, record, text
from peercycle.core.base import JSON
from peercycle.core.contracts import StageContext, Work
from peercycle.core.reviews import ReviewPoint
from peercycle.core.writing import Manuscript, PointResponse, Revision

Decided = dict[str, tuple[str, str, str]]
"""Action, heading of the section and answer, by point."""


async def revised(work: Work, settings: PromptedSettings, ctx: StageContext) -> Revision:
    """Answer every point, and rewrite the sections that answers change."""
    assert work.manuscript is not None
    assert work.assessment is not None
    points = work.assessment.points
    asked, beyond = points[: settings.points], points[settings.points :]
    decided = await _decide(work, asked, settings, ctx) if asked else {}
    manuscript = await _rewrite(work, asked, decided, settings, ctx)
    responses = [_response(point, decided) for point in asked]
    late = "the policy answers at most {} points in one revision"
    responses += [PointResponse(point=p.id, action="decline", answer=late.format(settings.points)) for p in beyond]
    return Revision(manuscript=manuscript, responses=tuple(responses))


async def _decide(
    work: Work, points: tuple[ReviewPoint, ...], settings: PromptedSettings, ctx: StageContext
) -> Decided:
    assert work.manuscript is not None
    listing = "\n".join(f"[{p.id}] {'(asks for evidence) ' if p.asks == 'evidence' else ''}{p.text}" for p in points)
    headings = [section.heading for section in work.manuscript.sections] or ["(none)"]
    response = record(
        point=one_of([point.id for point in points]),
        action=one_of(["text", "experiment", "decline"] if work.experiments_run else ["text", "decline"]),
        section=one_of(headings),
        answer=text(settings.text_characters),
    )
    room = settings.prompt_characters - 2000 - len(listing)
    messages = turns(
        "respond",
        paper=show_manuscript(work.manuscript, max(0, room)),
        points=listing,
        experiments=work.experiments_run,
    )

    def read(said: dict[str, JSON]) -> Answer[Decided]:
        decided: Decided = {}
        for entry in records(said["responses"]):
            decided.setdefault(
                words(entry["point"]), (words(entry["action"]), words(entry["section"]), words(entry["answer"]))
            )
        faults = [f"there is no response to {p.id}" for p in points if p.id not in decided]
        faults += [
            f"{p.id} asks for evidence, which text is not"
            for p in points
            if p.asks == "evidence" and decided.get(p.id, ("",))[0] == "text"
        ]
        if faults:
            raise BadAnswerError("; ".join(faults[:12]), fallback=Answer(decided, tuple(faults)))
        return taken(decided)

    schema = record(responses=listed(response, len(points), least=1))
    return await ask(ctx, settings, "responses", schema, messages, read)


def _response(point: ReviewPoint, decided: Decided) -> PointResponse:
    action, _, answer = decided.get(point.id, ("decline", "", "the policy's model gave no answer to this point"))
    if action == "text" and point.asks == "evidence":
        action, answer = "decline", f"it asks for evidence, and only text was offered: {answer}"
    return PointResponse.model_validate({"point": point.id, "action": action, "answer": answer})


async def _rewrite(
    work: Work, points: tuple[ReviewPoint, ...], decided: Decided, settings: PromptedSettings, ctx: StageContext
) -> Manuscript:
    """Rewrite each section that at least one answer by text names, one after the other."""
    manuscript = work.manuscript
    assert manuscript is not None
    by_heading: dict[str, list[str]] = {}
    for point in points:
        action, heading, answer = decided.get(point.id, ("decline", "", ""))
        if action == "text" and point.asks == "text":
            by_heading.setdefault(heading, []).append(f"- {point.text}\n  To be done: {answer}")
    sections = list(manuscript.sections)
    room = settings.prompt_characters - 2500
    for number, section in enumerate(sections):
        asked = by_heading.pop(section.heading, None)
        if not asked:
            continue
        measurements = show_measurements(work.results, room // 5)
        shown = show_works(work.bibliography.entries, room // 4)
        points_text = "\n".join(asked)
        left = room - len(measurements) - len(shown.text) - len(points_text) - len(section.body)
        current = manuscript.model_copy(update={"sections": tuple(sections)})
        messages = turns(
            "rewrite",
            paper=show_manuscript(current, max(0, left)),
            works=shown.text,
            measurements=measurements,
            heading=section.heading,
            body=section.body,
            points=points_text,
            most=settings.section_characters,
        )
        label = f"revision of section {number + 1} {section.heading!r}"
        body = await ask_body(
            ctx,
            settings,
            label,
            messages,
            section.role,
            work.bibliography.keys,
            work.results,
            settings.section_characters,
        )
        sections[number] = section.model_copy(update={"body": body})
    return manuscript.model_copy(update={"sections": tuple(sections)})
