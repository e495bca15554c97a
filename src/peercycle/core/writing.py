"""What is written: the task, the outline, the manuscript, and what was checked in it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from peercycle.core.base import JSON, ArtifactRef, Record, Word
from peercycle.core.literature import Bibliography
from peercycle.core.sandboxing import DataSpec


class UserStudy(Word):
    """An experiment that the user brings: a program under the contract of `Experiment`, and its data."""

    name: str = "study"
    script: str
    data: tuple[DataSpec, ...] = ()


class ResearchTask(Record):
    """What a run is asked to do."""

    topic: str = Field(min_length=1)
    bibliography: Bibliography = Bibliography()
    study: UserStudy | None = None
    notes: str = ""
    """Anything else that the policy should know."""


class SectionPlan(Word):
    """What a section is for, before it is written."""

    heading: str
    purpose: str = ""
    cites: tuple[str, ...] = ()


class Outline(Record):
    """What the paper will say, before it is written."""

    title: str
    motivation: str = ""
    idea: str = ""
    questions: tuple[str, ...] = ()
    sections: tuple[SectionPlan, ...] = ()
    nearest_prior: tuple[str, ...] = ()
    """Keys of the earlier works that come nearest to the idea."""
    interestingness: float | None = None
    feasibility: float | None = None
    novelty: float | None = None
    """The policy's own ratings, on its own scale, where it gives any."""


SectionRole = Literal[
    "introduction",
    "related",
    "method",
    "results",
    "discussion",
    "limitations",
    "conclusion",
    "appendix",
    "other",
]


class Section(Word):
    """One section: its heading and its body, both LaTeX."""

    heading: str
    body: str
    role: SectionRole = "other"


class Figure(Word):
    """A picture that sections include as `\\includegraphics{figures/FILE}`."""

    file: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}\.(png|pdf)$")
    artifact: ArtifactRef
    alt: str = ""
    """What it shows, for those who cannot see it."""
    execution: str | None = None


class Manuscript(Record):
    """A paper. Text is LaTeX without preamble; citations are `\\cite{key}` or `\\citep`, `\\citet`;
    a number that an experiment produced is `\\measured{ID}{0.913}`, which shows its second argument."""

    title: str
    abstract: str
    sections: tuple[Section, ...] = ()
    figures: tuple[Figure, ...] = ()

    @property
    def latex(self) -> str:
        """The text in order, for those who read or check it; not a document that compiles."""
        parts = [f"\\title{{{self.title}}}", "\\begin{abstract}", self.abstract, "\\end{abstract}"]
        for section in self.sections:
            parts += [f"\\section{{{section.heading}}}", section.body]
        return "\n".join(parts) + "\n"


class CitingSentence(Word):
    """A sentence that cites a work, and the passage of the work's abstract that comes nearest to it."""

    sentence: str
    support: str | None = None


class CitationCheck(Word):
    """What was found out about one cited key."""

    key: str
    status: Literal["in_bibliography", "resolved", "missing", "mismatch", "retracted", "unresolved"]
    detail: str = ""
    sentence: str | None = None
    """A sentence that cites it."""
    support: str | None = None
    """The passage of the work's abstract that comes nearest to the sentence."""
    others: tuple[CitingSentence, ...] = ()
    """The other sentences that cite it."""


class NumberCheck(Word):
    """What a number in the text rests on."""

    shown: str
    where: str
    """The section's heading, `title` or `abstract`."""
    status: Literal["bound", "wrong_rounding", "unknown_id", "by_value", "unbound", "simulated"]
    measurement: str | None = None
    detail: str = ""


class CheckReport(Record):
    """The check stage's findings on one manuscript."""

    citations: tuple[CitationCheck, ...] = ()
    numbers: tuple[NumberCheck, ...] = ()
    uncited: tuple[str, ...] = ()
    """Keys of the bibliography that the manuscript does not cite."""
    online: bool = False
    """Whether an online source was asked whether the cited works exist."""
    sources: tuple[str, ...] = ()
    """The online sources that answered."""

    @property
    def unresolved(self) -> tuple[str, ...]:
        """Cited keys that no online source knows."""
        return tuple(c.key for c in self.citations if c.status == "unresolved")

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong, a line each: missing citations, numbers that contradict their measurement."""
        bad_citations = [
            f"citation {c.key!r}: {c.status} {c.detail}".rstrip()
            for c in self.citations
            if c.status in {"missing", "mismatch", "retracted"}
        ]
        bad_numbers = [
            f"number {n.shown!r} in {n.where}: {n.status} {n.detail}".rstrip()
            for n in self.numbers
            if n.status in {"wrong_rounding", "unknown_id"}
        ]
        return tuple(bad_citations + bad_numbers)


PointEnd = Literal["done", "declined", "failed"]


class PointResponse(Word):
    """What a revision does about one point of a review."""

    point: str
    """Id of the `ReviewPoint`."""
    action: Literal["text", "experiment", "decline"]
    answer: str
    """What was changed, will be run, or why nothing is done."""


class PointOutcome(Word):
    """How a point ended: settled by the framework after the experiments, not by the policy."""

    point: str
    text: str
    """The point itself."""
    end: PointEnd
    answer: str = ""
    artifact: ArtifactRef | None = None
    """The revised manuscript, or the results file that is the evidence."""
    reason: str | None = None
    round: int = Field(ge=1)


class Revision(Record):
    """A policy's answer to its reviews: the text as revised now, and what it will do about each point.

    Points answered by `experiment` are planned by `Policy.plan`, run, and only then written up by `conclude`.
    """

    manuscript: Manuscript
    responses: tuple[PointResponse, ...] = ()
    notes: dict[str, JSON] = {}
