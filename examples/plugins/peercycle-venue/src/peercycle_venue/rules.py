"""A venue's rules, and what in a manuscript breaks them."""

from __future__ import annotations

import re

from pydantic import Field

from peercycle.core.base import Word
from peercycle.core.writing import Manuscript, SectionRole

_MEASURED = re.compile(r"\\measured\{[^{}]*\}\{([^{}]*)\}")
_CITATION = re.compile(r"~?\\cite[a-z]*(\[[^\]]*\])*\{[^{}]*\}")
_COMMAND = re.compile(r"\\[A-Za-z]+\*?(\[[^\]]*\])?")
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


class VenueRules(Word):
    """What a venue asks of a paper."""

    max_words: int = Field(default=5000, ge=1)
    """Words of the sections, appendices left out."""
    max_abstract_words: int = Field(default=250, ge=1)
    required: tuple[SectionRole, ...] = ("introduction", "method", "results", "limitations")
    penalty: float = Field(default=0.5, ge=0)
    """What each broken rule costs, in points of the rating."""


def count_words(latex: str) -> int:
    """Return how many words a reader sees: commands and citations are none, a measured number is one."""
    shown = _COMMAND.sub(" ", _CITATION.sub(" ", _MEASURED.sub(r" \1 ", latex)))
    return len(_WORD.findall(shown.replace(".", "")))


def paper_words(manuscript: Manuscript) -> int:
    """Return the words of the sections, without appendices and abstract."""
    return sum(count_words(section.body) for section in manuscript.sections if section.role != "appendix")


def broken_rules(manuscript: Manuscript, rules: VenueRules) -> tuple[str, ...]:
    """Return a line for each rule that the manuscript breaks."""
    faults: list[str] = []
    if (words := paper_words(manuscript)) > rules.max_words:
        faults.append(f"the paper has {words} words; at most {rules.max_words} are allowed")
    if (words := count_words(manuscript.abstract)) > rules.max_abstract_words:
        faults.append(f"the abstract has {words} words; at most {rules.max_abstract_words} are allowed")
    roles = {section.role for section in manuscript.sections if section.body.strip()}
    faults += [f"there is no section for {role}" for role in rules.required if role not in roles]
    return tuple(faults)
