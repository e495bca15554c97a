"""A submission as the text that a model is given, and who is asked."""

from __future__ import annotations

from peercycle.core.contracts import StageContext
from peercycle.core.reviews import Submission

JUDGING_STAGES = frozenset({"finish", "judge"})
"""In the stages of a draft a reviewer steers; in these it judges: what comes out, or each draft beside the steering."""


def role_of(ctx: StageContext) -> str:
    """Return the role of the model that reviews here: `judge` where a paper is judged, else `reviewer`."""
    return "judge" if ctx.stage in JUDGING_STAGES else "reviewer"


def paper_text(submission: Submission) -> str:
    """Return the paper: its LaTeX, or the text as handed in; empty where there is none."""
    if submission.manuscript is not None:
        manuscript = submission.manuscript
        said = manuscript.abstract.strip() or any(section.body.strip() for section in manuscript.sections)
        return manuscript.latex.strip() if said else ""
    return (submission.text or "").strip()


def fitting_paper(paper: str, characters: int) -> tuple[str, str | None]:
    """Return as much of a paper as fits, cut between paragraphs, and what is to be told where that is not all of it."""
    if len(paper) <= characters:
        return paper, None
    cut = paper.rfind("\n\n", 0, characters)
    cut = cut if cut > characters // 2 else characters
    told = f"the paper has {len(paper)} characters and the model's window {characters}; its end was not read"
    return f"{paper[:cut]}\n\n[The paper goes on; the rest is not shown.]", told
