"""Judgements of a paper: points, reviews, assessments, rewards."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from peercycle.core.base import JSON, Record, Word
from peercycle.core.experiments import ExperimentResults
from peercycle.core.literature import Bibliography
from peercycle.core.writing import CheckReport, Manuscript

Decision = Literal["accept", "reject"]


class Scale(Word):
    """What a rating's numbers mean."""

    low: float = 1
    high: float = 10
    calibrated: bool = True
    """False where the number's place on the scale was never fitted to human ratings."""
    note: str = ""


class ReviewPoint(Word):
    """One thing that a reviewer wants mended or answered."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,79}$")
    text: str
    asks: Literal["text", "evidence"] = "text"
    """`evidence` is closed by an executed plan only, never by text."""
    check: str | None = None
    """The named check that failed, for reviewers that work by checks."""
    where: str | None = None


class Check(Word):
    """One check that a reader could repeat."""

    name: str
    passed: bool | None
    """None where it does not apply."""
    evidence: str = ""
    """What was counted or compared, with the figures."""


class Review(Record):
    """One reviewer's judgement. A missing score is None, never 0."""

    reviewer: str = ""
    summary: str = ""
    strengths: tuple[str, ...] = ()
    weaknesses: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    ethics_flag: str | None = None
    soundness: float | None = Field(default=None, ge=1, le=4)
    presentation: float | None = Field(default=None, ge=1, le=4)
    contribution: float | None = Field(default=None, ge=1, le=4)
    rating: float | None = None
    scale: Scale = Scale()
    confidence: float | None = Field(default=None, ge=1, le=5)
    decision: Decision | None = None
    points: tuple[ReviewPoint, ...] = ()
    """Its points with ids, where the reviewer gives them; else weaknesses, suggestions and questions are."""
    checks: tuple[Check, ...] = ()
    text: str = ""
    """The review as the reviewer wrote it, where there is such a text."""


class Average(Word):
    """A mean, and over how many."""

    value: float | None
    n: int = Field(ge=0)


class Assessment(Record):
    """All that was said of one version of a paper."""

    reviews: tuple[Review, ...] = ()
    verification: str | None = None
    questions: tuple[str, ...] = ()
    meta_review: str | None = None
    decision: Decision | None = None
    problems: tuple[str, ...] = ()
    """What could not be parsed or was left out."""
    machine_made: str = ""
    """What made it; an assessment is no peer review without disclosure."""
    notes: dict[str, JSON] = {}

    def average(self, score: Literal["rating", "soundness", "presentation", "contribution", "confidence"]) -> Average:
        """Return the mean of one score over the reviews that gave it."""
        values = [value for review in self.reviews if (value := getattr(review, score)) is not None]
        return Average(value=sum(values) / len(values) if values else None, n=len(values))

    @property
    def rating(self) -> float | None:
        """The mean rating, or None where no review rated."""
        return self.average("rating").value

    @property
    def points(self) -> tuple[ReviewPoint, ...]:
        """Every point of every review, each with an id that is unique here."""
        found: list[ReviewPoint] = []
        for index, review in enumerate(self.reviews):
            if review.points:
                found += [p.model_copy(update={"id": f"r{index + 1}.{p.id}"}) for p in review.points]
                continue
            for kind, texts in (("w", review.weaknesses), ("s", review.suggestions), ("q", review.questions)):
                found += [ReviewPoint(id=f"r{index + 1}.{kind}{n + 1}", text=t) for n, t in enumerate(texts)]
        return tuple(found)


class Submission(Record):
    """What a reviewer or a reward is given."""

    topic: str = ""
    manuscript: Manuscript | None = None
    text: str | None = None
    """A paper as plain text or LaTeX, where it is not one of ours."""
    bibliography: Bibliography = Bibliography()
    results: ExperimentResults | None = None
    check: CheckReport | None = None
    earlier: tuple[Assessment, ...] = ()


class Reward(Record):
    """A number to compare candidates by: higher is better."""

    value: float | None = Field(default=None, allow_inf_nan=False)
    """None where nothing could be scored; such a candidate is never selected over a scored one."""
    components: dict[str, float] = {}
    n: int = Field(default=0, ge=0)
    """Over how many judgements."""
    spread: float | None = None
    """Their standard deviation, where n > 1."""
