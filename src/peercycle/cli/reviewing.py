"""`peercycle review`: a review of any paper, outside a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from peercycle.cli.loops import wait_for
from peercycle.cli.output import print_json, say
from peercycle.cli.papers import read_file, text_of
from peercycle.cli.parameters import AsJson, DisabledPlugins, PluginFiles, SettingOverrides

if TYPE_CHECKING:
    from peercycle.core.literature import Bibliography
    from peercycle.core.reviews import Assessment, Review
    from peercycle.core.runs import RunOptions
    from peercycle.plugins.manager import Plugins

STAMP = "Made by a machine. It is no peer review, and must not be passed off as one."


def review(
    paper: Annotated[
        Path, typer.Argument(metavar="PAPER.tex|PAPER.md|PAPER.pdf", help="The paper, as LaTeX, Markdown or PDF.")
    ],
    *,
    reviewer: Annotated[str | None, typer.Option(help="Who reviews.", show_default="rubric")] = None,
    bib: Annotated[Path | None, typer.Option("--bib", metavar="FILE", help="The paper's bibliography.")] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="The language model, BACKEND/MODEL.")] = None,
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

    settings = configuring.read_settings(set_)
    plugins = configuring.load_plugins(settings, plugin, no_plugin)
    body = read_file(paper)
    works = read_bibliography(bib) if bib is not None else Bibliography()
    with tempfile.TemporaryDirectory(prefix="peercycle-review-") as scratch:
        flags = {
            "reviewer": reviewer,
            "model": model,
            # What a review does not need: nothing is written or run, but a PDF is read where it can do no harm.
            "policy": "scripted",
            "experiments": "off",
            "sandbox": "auto" if paper.suffix == ".pdf" else "none",
            "runs_dir": scratch,
            "plugins": plugin or (),
            "disabled_plugins": no_plugin or (),
        }
        options = configuring.choose_options(flags, settings, plugins).model_copy(
            update={"exporters": (), "literature": ("local",)}
        )
        assessment = wait_for(judge(paper, body, works, options, plugins))
    if as_json:
        print_json({"paper": str(paper), "stamp": STAMP, **assessment.model_dump(mode="json")})
    else:
        for line in review_lines(assessment):
            say(line)


async def judge(paper: Path, body: bytes, works: Bibliography, options: RunOptions, plugins: Plugins) -> Assessment:
    """Return what the reviewer says of a paper."""
    from peercycle.core.reviews import Submission
    from peercycle.core.writing import ResearchTask
    from peercycle.graphs.context import DriverContext
    from peercycle.graphs.launch import create_and_open

    task = ResearchTask(topic=paper.stem, bibliography=works)
    run: Any = await create_and_open(task, options, plugins, None)
    try:
        ctx = DriverContext(run, stage="review", candidate="", visit=1)
        text = await text_of(paper, body, ctx)
        return await run.reviewer.review(Submission(text=text, bibliography=works), ctx)  # type: ignore[no-any-return]
    finally:
        await run.close()
        await plugins.close()


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
    lines += [f"Question: {question}" for question in assessment.questions]
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
    for head in ("strengths", "weaknesses", "suggestions", "questions"):
        lines += [f"  {head[:-1] if head != 'weaknesses' else 'weakness'}: {text}" for text in getattr(review, head)]
    lines += [f"  to do: {point.text}" for point in review.points]
    if review.ethics_flag:
        lines.append(f"  ethics: {review.ethics_flag}")
    return lines
