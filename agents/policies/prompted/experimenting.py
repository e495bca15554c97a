"""What to run, and the programs that run it."""

from __future__ import annotations

import ast
import re
from typing import Any

from peercycle.agents.policies.prompted.material import show_manuscript
from peercycle.agents.policies.prompted.questions import CODER, ask, records, texts, turns, whole, words
from peercycle.agents.policies.prompted.settings import PromptedSettings
from peercycle.agents.structured.asking import Answer, BadAnswerError, Question, ask_text, taken
from peercycle.agents.structured.schemas import Schema, integer, listed, one_of, record, text
from peercycle.core.base import JSON
from peercycle.core.contracts import StageContext, Work
from peercycle.core.errors import UnparsableAnswerError
from peercycle.core.experiments import Experiment, ExperimentPlan
from peercycle.core.reviews import ReviewPoint
from peercycle.core.sandboxing import EnvironmentSpec, Limits

_BLOCK = re.compile(r"```[ \t]*(?P<language>[\w+-]*)[ \t]*\n(?P<body>.*?)(?:\n```|\Z)", re.DOTALL | re.IGNORECASE)
METRICS = 6
LIBRARIES = {
    "scientific": "Python's standard library, numpy and matplotlib",
    "base": "Python's standard library alone",
}
"""What programs may import, by environment."""
ONCE_MORE = ""
"""The word of `repeats` for an experiment that is new."""


async def planned(work: Work, settings: PromptedSettings, ctx: StageContext) -> ExperimentPlan:
    """Return what to run now, each experiment with its program; says why where nothing is."""
    points = _asking_for_evidence(work)
    if not work.experiments_run:
        return ExperimentPlan(declined="this run has no experiments: nothing can be measured")
    if work.revision is not None and not points:
        return ExperimentPlan(declined="no point of the reviews is answered by an experiment")
    if not settings.experiments:
        return ExperimentPlan(declined="the policy's settings allow no experiment")
    ideas = await _ideas(work, points, settings, ctx)
    experiments: list[Experiment] = []
    dropped: list[str] = []
    for idea in records(ideas["experiments"]):
        made = await _experiment(idea, work, [*experiments], settings, ctx)
        if isinstance(made, Experiment):
            experiments.append(made)
        else:
            dropped.append(made)
            await ctx.log(made)
    declined = None if experiments else "; ".join(dropped) or "the model planned no experiment"
    return ExperimentPlan(experiments=tuple(experiments), rationale=words(ideas["rationale"]), declined=declined)


async def repaired(
    experiment: Experiment, failure: str, settings: PromptedSettings, ctx: StageContext
) -> Experiment | None:
    """Return the experiment with its program mended, or None where the model gives it up or has no program."""
    try:
        script = await script_of(experiment, settings, ctx, script=experiment.script, failure=failure)
    except UnparsableAnswerError as error:
        await ctx.log(f"experiment {experiment.id!r} is given up: {error}")
        return None
    return experiment.model_copy(update={"script": script}) if script else None


def _asking_for_evidence(work: Work) -> tuple[ReviewPoint, ...]:
    if work.revision is None or work.assessment is None:
        return ()
    wanted = {response.point for response in work.revision.responses if response.action == "experiment"}
    return tuple(point for point in work.assessment.points if point.id in wanted)


async def _ideas(
    work: Work, points: tuple[ReviewPoint, ...], settings: PromptedSettings, ctx: StageContext
) -> dict[str, JSON]:
    assert work.manuscript is not None
    known = work.results.experiments if work.results else ()
    messages = turns(
        "plan",
        paper=show_manuscript(work.manuscript, settings.prompt_characters - 5000),
        points="\n".join(f"[{point.id}] {point.text}" for point in points),
        known="\n".join(f"{e.id}: {e.question}" for e in known) if points else "",
        most=settings.experiments,
        libraries=LIBRARIES[settings.environment],
        seconds=int(settings.experiment_seconds),
    )
    return await ask(ctx, settings, "plan", _schema(points, known, settings), messages, taken)


def _schema(points: tuple[ReviewPoint, ...], known: tuple[Experiment, ...], settings: PromptedSettings) -> Schema:
    short = text(settings.text_characters)
    parts: dict[str, Schema] = {
        "id": text(min(32, settings.text_characters)),
        "question": short,
        "method": short,
        "metrics": listed(text(min(40, settings.text_characters)), METRICS, least=1),
        "seeds": integer(1, settings.seeds),
    }
    if points:
        parts["answers"] = listed(one_of([point.id for point in points]), len(points), least=1)
    if points and known:
        parts["repeats"] = one_of([ONCE_MORE, *(experiment.id for experiment in known)])
    return record(rationale=short, experiments=listed(record(**parts), settings.experiments, least=1))


async def _experiment(
    idea: dict[str, Any], work: Work, before: list[Experiment], settings: PromptedSettings, ctx: StageContext
) -> Experiment | str:
    """Return an experiment with its program, or why there is none."""
    known = work.results.experiments if work.results else ()
    answers = texts(idea.get("answers") or [])
    repeats = next((e for e in known if e.id == idea.get("repeats")), None)
    if repeats is not None and repeats.id not in {e.id for e in before}:
        first = max(repeats.seeds) + 1
        seeds = tuple(range(first, first + whole(idea["seeds"])))
        return repeats.model_copy(update={"seeds": seeds, "answers": answers})
    taken_ids = {experiment.id for experiment in (*known, *before)}
    experiment = Experiment(
        id=free_id(words(idea["id"]), taken_ids),
        question=words(idea["question"]),
        method=words(idea["method"]),
        script="",
        seeds=tuple(range(whole(idea["seeds"]))),
        environment=EnvironmentSpec(name=settings.environment),
        limits=Limits(wall_s=settings.experiment_seconds),
        metrics=texts(idea["metrics"]),
        answers=answers,
    )
    try:
        script = await script_of(experiment, settings, ctx)
    except UnparsableAnswerError as error:
        return f"experiment {experiment.id!r} has no program: {error}"
    return (
        experiment.model_copy(update={"script": script}) if script else f"experiment {experiment.id!r} was given up"
    )


def free_id(said: str, used: set[str]) -> str:
    """Return an id that is allowed and free, near to what was said."""
    base = re.sub(r"[^a-z0-9_-]+", "-", said.lower()).strip("-_")[:30]
    base = base if re.match(r"[a-z]", base) else f"e-{base}".rstrip("-")
    number, found = 1, base
    while found in used:
        number += 1
        found = f"{base}-{number}"
    return found


async def script_of(
    experiment: Experiment, settings: PromptedSettings, ctx: StageContext, *, script: str = "", failure: str = ""
) -> str | None:
    """Ask for a program that Python can compile; None where the model gives up."""
    about = f"Question: {experiment.question}\nMethod: {experiment.method}"
    messages = turns(
        "code",
        experiment=about,
        script=script,
        failure=failure,
        metrics=", ".join(experiment.metrics) or "any",
        seconds=int(experiment.limits.wall_s),
        libraries=LIBRARIES[settings.environment],
        most=settings.script_characters,
    )

    def read(said: str) -> Answer[str | None]:
        if script and said.strip().strip("`. ").upper() == "GIVEUP":
            return taken(None)
        return taken(program_of(said, settings.script_characters))

    question = Question(f"program of {experiment.id!r}", CODER, messages, settings.sampling, prose=False)
    return (await ask_text(question, ctx, read)).value


def program_of(said: str, most: int) -> str:
    """Return the program in an answer: its longest fenced block of Python, or all of it. Raises `BadAnswerError`."""
    found = list(_BLOCK.finditer(said))
    blocks = [block["body"] for block in found if block["language"].lower() in {"", "py", "python", "python3"}]
    program = max(blocks, key=len) if blocks else said
    if len(program) > most:
        raise BadAnswerError(f"the program has {len(program)} characters; at most {most} are allowed")
    try:
        tree = ast.parse(program)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadAnswerError(f"this is no Python program: {error}") from None
    if not any(isinstance(node, ast.Call) for node in ast.walk(tree)):
        raise BadAnswerError("this is no program that does anything; answer with the whole program")
    return program.strip() + "\n"
