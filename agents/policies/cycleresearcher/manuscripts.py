"""From the LaTeX of an answer to a manuscript's sections."""

from __future__ import annotations

import re

from peercycle.core.latex_scan import scan_latex
from peercycle.core.writing import Section, SectionRole

_FRAME = re.compile(
    r"\\(?:documentclass|usepackage)(?:\[[^\]\n]*\])?\{[^{}\n]*\}|\\(?:begin|end)\{document\}|\\maketitle\b|"
    r"\\bibliography(?:style)?\{[^{}\n]*\}|\\clearpage\b"
)
_ROLES: tuple[tuple[str, SectionRole], ...] = (
    ("introduction", "introduction"),
    ("related", "related"),
    ("background", "related"),
    ("experiment", "results"),
    ("result", "results"),
    ("evaluation", "results"),
    ("numerical", "results"),
    ("limitation", "limitations"),
    ("discussion", "discussion"),
    ("conclusion", "conclusion"),
    ("method", "method"),
    ("approach", "method"),
    ("appendix", "appendix"),
)


def sections_of(latex: str) -> tuple[Section, ...]:
    """Return the sections of a paper's LaTeX. What stands before the first one, beside title and abstract, is lost."""
    scan = scan_latex(latex)
    marks: list[tuple[int, int, str]] = []
    for command in scan.commands:
        if command.name != "section":
            continue
        _, groups, end = scan.arguments(command, limit=1)
        if groups:
            marks.append((command.start, end, " ".join(latex[groups[0].start : groups[0].end].split())))
    sections: list[Section] = []
    for index, (_, end, heading) in enumerate(marks):
        stop = marks[index + 1][0] if index + 1 < len(marks) else len(latex)
        body = _FRAME.sub("", latex[end:stop]).strip()
        sections.append(Section(heading=heading or "Section", body=body, role=role_of(heading)))
    return tuple(sections)


def role_of(heading: str) -> SectionRole:
    """Return what a section is for, by its heading."""
    words = heading.lower()
    for word, role in _ROLES:
        if word in words:
            return role
    return "other"
