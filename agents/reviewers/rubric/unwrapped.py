"""Submissions without the line breaks and comments of their source, so that neither can matter to a check."""

from __future__ import annotations

import re

from peercycle.agents.reviewers.rubric.plain_text import looks_like_latex
from peercycle.core.latex_scan import scan_latex
from peercycle.core.reviews import Submission

_BREAK = re.compile(r"(?<!\n) ?\n ?(?! ?\n)")


def unwrapped(submission: Submission) -> Submission:
    """Return a submission whose paragraphs are one line each; what is hidden from print is blank."""
    manuscript = submission.manuscript
    if manuscript is not None:
        sections = tuple(s.model_copy(update={"body": one_line(s.body)}) for s in manuscript.sections)
        parts = {"abstract": one_line(manuscript.abstract), "sections": sections}
        return submission.model_copy(update={"manuscript": manuscript.model_copy(update=parts)})
    if submission.text and looks_like_latex(submission.text):
        return submission.model_copy(update={"text": one_line(submission.text)})
    return submission


def one_line(latex: str) -> str:
    """Return LaTeX without comments, each paragraph on one line."""
    text = re.sub(r"\n[ \t]*\n\s*", "\n\n", re.sub(r"[ \t]+", " ", scan_latex(latex.replace("\r\n", "\n")).text))
    return _BREAK.sub(" ", text)
