"""The papers of the later trial: those of the first trial, and the four sound papers of the rubric's own tests."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from tests.agents.reviewers.independent.trial_papers import PAPERS, paper

from peercycle.core.literature import Bibliography, Reference
from peercycle.core.reviews import Submission

FOLDER = Path(__file__).resolve().parents[1] / "papers"
TEXTS = {
    "irrigation": ("irrigation.tex", "deficit irrigation and maize yield"),
    "reading": ("reading.tex", "reading on screens and sleep"),
    "stemming": ("stemming.tex", "stemming for lexical search"),
    "trees": ("trees.md", "street trees and air temperature"),
}
ALL = (*PAPERS, *TEXTS)


@cache
def sound(name: str) -> Submission:
    """Return a paper of the later trial, before anybody edits it."""
    if name in PAPERS:
        return paper(name).submission
    file, topic = TEXTS[name]
    works = json.loads((FOLDER / "reading.bib.json").read_text(encoding="utf-8")) if name == "reading" else []
    return Submission(
        topic=topic,
        text=(FOLDER / file).read_text(encoding="utf-8"),
        bibliography=Bibliography(entries=tuple(Reference.model_validate(work) for work in works)),
    )
