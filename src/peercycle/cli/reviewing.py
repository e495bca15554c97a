"""`peercycle review`: a review of any paper, outside a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from peercycle.cli.loops import wait_for
from peercycle.cli.output import print_json, say
from peercycle.cli.papers import read_file, text_of
from peercycle.cli.parameters import AsJson, DisabledPlugins, ModelRoles, PluginFiles, SettingOverrides
from peercycle.cli.review_answers import keep_answers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peercycle.core.journal import RunReader
    from peercycle.core.literature import Bibliography
    from peercycle.core.reviews import Assessment, Review
    from peercycle.core.runs import RunOptions
    from peercycle.plugins.manager import Plugins

STAMP = "Made by a machine. It is no peer review, and must not be passed off as one."


def review(
    paper: Annotated[
        Path,
        typer.Argument(
            metavar="PAPER.tex|PAPER.md|PAPER.txt|PAPER.pdf", help="The paper, as LaTeX, Markdown, text or PDF."
        ),
    ],
    *,
    reviewer: Annotated[str | None, typer.Option(help="Who reviews.", show_default="rubric")] = None,
    bib: Annotated[Path | None, typer.Option("--bib", metavar="FILE", help="The paper's bibliography.")] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="The language model, BACKEND/MODEL.")] = None,
    model_role: ModelRoles = None,
    sandbox: Annotated[str | None, typer.Option(help="Where a PDF is read.", show_default="auto")] = None,
    set_: SettingOverrides = None,
    plugin: PluginFiles = None,
    no_plugin: DisabledPlugins = None,
    as_json: AsJson = False,
) -> None:
    """Review any paper.

    The review says that a machine made it. A PDF is read in the sandbox.
    """
    import tempfile

    from peercycle.api import read_bibliography
    from peercycle.cli import configuring
    from peercycle.core.literature import Bibliography

    settings = configuring.read_settings(set_, model, model_role)
    plugins = configuring.load_plugins(settings, plugin, no_plugin)
    body = read_file(paper)
    works = read_bibliography(bib) if bib is not None else Bibliography()
    with tempfile.TemporaryDirectory(prefix="peercycle-review-") as scratch:
        flags = {
            "reviewer": reviewer,
            # What a review does not need: nothing is written or run, but a PDF is read where it can do no harm.
            "policy": "scripted",
            "experiments": "off",
            "sandbox": sandbox if paper.suffix == ".pdf" else "none",
            "runs_dir": scratch,
            "plugins": plugin or (),
            "disabled_plugins": no_plugin or (),
        }
        options = configuring.choose_options(flags, settings, plugins).model_copy(
            update={"exporters": (), "literature": ("local",)}
        )
        require_sandbox(paper, options)
        kept_in = configuring.runs_dir(None, settings)
        assessment = wait_for(judge(paper, body, works, options, plugins, kept_in))
    if as_json:
        print_json({"paper": str(paper), "stamp": STAMP, **assessment.model_dump(mode="json")})
    else:
        for line in review_lines(assessment):
            say(line)


def require_sandbox(paper: Path, options: RunOptions) -> None:
    """Raise `UsageError` for a PDF that is to be read without a sandbox."""
    from peercycle.core.errors import UsageError

    if paper.suffix == ".pdf" and options.sandbox == "none":
        raise UsageError(
            f"{str(paper)!r} is read in a sandbox only, and the setting [run] sandbox is 'none'; "
            f"name one with --sandbox, such as --sandbox auto, or give the paper as LaTeX or text"
        )


async def judge(
    paper: Path, body: bytes, works: Bibliography, options: RunOptions, plugins: Plugins, kept_in: Path
) -> Assessment:
    """Return what the reviewer says of a paper. What a model said in vain is kept in a folder of `kept_in`."""
    from peercycle.core.errors import PeercycleError
    from peercycle.core.reviews import Submission
    from peercycle.core.writing import ResearchTask
    from peercycle.graphs.context import DriverContext
    from peercycle.graphs.launch import create_and_open

    task = ResearchTask(topic=paper.stem, bibliography=works)
    run: Any = await create_and_open(task, options, plugins, None, in_loop=False)
    try:
        ctx = DriverContext(run, stage="review", candidate="", visit=1)
        text = await text_of(paper, body, ctx)
        assessment = await run.reviewer.review(Submission(text=text, bibliography=works), ctx)
        if where := await _where_kept(run.store, kept_in, assessment.problems):
            assessment = assessment.model_copy(update={"problems": (*assessment.problems, where)})
        return assessment  # type: ignore[no-any-return]
    except PeercycleError as error:
        if where := await keep_answers(run.store, kept_in, str(error)):
            error.add_note(where)
        raise
    finally:
        await run.close()
        await plugins.close()


async def _where_kept(run: RunReader, kept_in: Path, problems: Sequence[str]) -> str | None:
    """Keep what a model said where a part of the review is missing for it."""
    refused = any(row["accepted"] == 0 for row in await run.rows("completions"))
    return await keep_answers(run, kept_in, "; ".join(problems)) if problems and refused else None


def review_lines(assessment: Assessment) -> list[str]:
    """Return an assessment for people."""
    from peercycle.cli.endings import score_line

    lines = [STAMP, assessment.machine_made, "", score_line(assessment, assessment.rating) or "no score"]
    for each in assessment.reviews:
        lines += ["", *_one_review(each)]
    if assessment.meta_review:
        lines += ["", "Meta-review:", assessment.meta_review]
    if assessment.verification:
        lines += ["", "Verification:", assessment.verification]
    asked = {question for review in assessment.reviews for question in review.questions}
    lines += [f"Question: {question}" for question in assessment.questions if question not in asked]
    if assessment.decision:
        lines += ["", f"Decision: {assessment.decision}"]
    return [*lines, *(f"Not used: {problem}" for problem in assessment.problems)]


def _one_review(review: Review) -> list[str]:
    lines = [f"Review by {review.reviewer or 'the reviewer'}"]
    names = ("rating", "soundness", "presentation", "contribution", "confidence")
    scores = {name: getattr(review, name) for name in names}
    if shown := ", ".join(f"{name} {value:g}" for name, value in scores.items() if value is not None):
        lines.append(shown)
    if review.summary:
        lines.append(review.summary)
    for check in review.checks:
        mark = {True: "passed", False: "FAILED", None: "does not apply"}[check.passed]
        lines.append(f"  {mark}: {check.name}" + (f" ({check.evidence})" if check.evidence else ""))
    # Some reviewers say again as strengths and weaknesses what their checks found, and as points, which a revision
    # answers one by one, what their weaknesses and questions are.
    told = {f"{check.name}: {check.evidence}" for check in review.checks}
    said = [
        (head[:-1] if head != "weaknesses" else "weakness", text)
        for head in ("strengths", "weaknesses", "suggestions", "questions")
        for text in getattr(review, head)
    ]
    for head, text in (*said, *(("to do", point.text) for point in review.points)):
        if text not in told:
            lines.append(f"  {head}: {text}")
            told.add(text)
    if review.ethics_flag:
        lines.append(f"  ethics: {review.ethics_flag}")
    return lines
