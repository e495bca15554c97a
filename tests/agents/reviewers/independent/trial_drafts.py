"""A paper as an editor sees it: parts by name, whether it is a manuscript or one LaTeX document."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from peercycle.core.experiments import ExperimentResults
from peercycle.core.literature import Bibliography
from peercycle.core.reviews import Submission
from peercycle.core.writing import Section, SectionRole

ROLES: dict[str, SectionRole] = {
    "Introduction": "introduction",
    "Related work": "related",
    "Materials and methods": "method",
    "Results": "results",
    "Discussion": "discussion",
    "Limitations": "limitations",
    "Conclusion": "conclusion",
}
"""What the sections of the LaTeX document are, by their headings."""
_DOCUMENT = re.compile(
    r"(?P<head>.*?\\title\{)(?P<title>[^}]*)(?P<middle>\}.*?\\begin\{abstract\}\n)(?P<abstract>.*?)"
    r"(?P<after>\n\\end\{abstract\}\n\n)(?P<sections>.*)(?P<tail>\n\\bibliographystyle.*)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Draft:
    """The parts of a paper. Edits return a new draft, or the same one where they do not apply."""

    title: str
    abstract: str
    sections: tuple[Section, ...]
    bibliography: Bibliography
    results: ExperimentResults | None
    source: Submission
    frame: tuple[str, ...] = field(default=())
    """What surrounds title, abstract and sections in a LaTeX document; none for a manuscript."""

    def body(self, role: SectionRole) -> str:
        """Return the body of the section with this role, or nothing."""
        return next((section.body for section in self.sections if section.role == role), "")

    def with_body(self, role: SectionRole, body: str) -> Draft:
        """Return the draft with another body in the section of this role."""
        return self.map_section(role, lambda _: body)

    def map_section(self, role: SectionRole, change: Callable[[str], str]) -> Draft:
        """Return the draft with one section's body changed."""
        changed = [
            section.model_copy(update={"body": change(section.body)}) if section.role == role else section
            for section in self.sections
        ]
        return replace(self, sections=tuple(changed))

    def map_bodies(self, change: Callable[[str], str]) -> Draft:
        """Return the draft with every section's body changed."""
        changed = [section.model_copy(update={"body": change(section.body)}) for section in self.sections]
        return replace(self, sections=tuple(changed))

    def map_text(self, change: Callable[[str], str]) -> Draft:
        """Return the draft with abstract and bodies changed."""
        return replace(self.map_bodies(change), abstract=change(self.abstract))

    def without(self, *roles: SectionRole) -> Draft:
        """Return the draft without the sections of these roles."""
        return replace(self, sections=tuple(section for section in self.sections if section.role not in roles))

    def adding(self, section: Section) -> Draft:
        """Return the draft with one more section at its end."""
        return replace(self, sections=(*self.sections, section))


def opened(submission: Submission) -> Draft:
    """Take a submission apart."""
    manuscript = submission.manuscript
    if manuscript is not None:
        return Draft(
            title=manuscript.title,
            abstract=manuscript.abstract,
            sections=manuscript.sections,
            bibliography=submission.bibliography,
            results=submission.results,
            source=submission,
        )
    found = _DOCUMENT.fullmatch(submission.text or "")
    assert found is not None
    pieces = re.split(r"(?m)^\\section\{([^}]*)\}\n", found["sections"])[1:]
    sections = tuple(
        Section(heading=heading, body=body.strip(), role=ROLES.get(heading, "other"))
        for heading, body in zip(pieces[::2], pieces[1::2], strict=True)
    )
    frame = (found["head"], found["middle"], found["after"], found["tail"])
    return Draft(found["title"], found["abstract"], sections, submission.bibliography, None, submission, frame)


def closed(draft: Draft) -> Submission:
    """Put a submission together again."""
    shared = {"bibliography": draft.bibliography, "results": draft.results}
    manuscript = draft.source.manuscript
    if manuscript is not None:
        parts = {"title": draft.title, "abstract": draft.abstract, "sections": draft.sections}
        return draft.source.model_copy(update={**shared, "manuscript": manuscript.model_copy(update=parts)})
    head, middle, after, tail = draft.frame
    body = "\n\n".join(f"\\section{{{section.heading}}}\n{section.body}" for section in draft.sections)
    text = f"{head}{draft.title}{middle}{draft.abstract}{after}{body}\n{tail}"
    return draft.source.model_copy(update={**shared, "text": text})


@dataclass(frozen=True, slots=True)
class Edit:
    """One thing that an editor does to a paper, and why it is what it is said to be."""

    name: str
    reason: str
    change: Callable[[Draft], Draft]

    def applied(self, submission: Submission) -> Submission | None:
        """Return the edited submission, or None where the edit does not apply."""
        before = opened(submission)
        after = self.change(before)
        return None if after == before else closed(after)


class Edits:
    """A list of edits that grows by decorating functions."""

    def __init__(self) -> None:
        self.all: dict[str, Edit] = {}

    def __call__(self, reason: str) -> Callable[[Callable[[Draft], Draft]], Callable[[Draft], Draft]]:
        def add(change: Callable[[Draft], Draft]) -> Callable[[Draft], Draft]:
            name = change.__name__
            assert name not in self.all, name
            self.all[name] = Edit(name, reason, change)
            return change

        return add
