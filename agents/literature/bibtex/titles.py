"""Titles that survive styles which put them in lower case."""

from __future__ import annotations

import re

from peercycle.agents.literature.bibtex.accents import MATH
from peercycle.agents.literature.bibtex.encoding import to_latex

_CAPITALS = re.compile(r"\S*[^\s$\\-][A-Z]\S*")
_TOKEN = re.compile(
    rf"(\\(?=[a-z]*[A-Z])[A-Za-z]++(?:\s*+\{{(?:[^{{}}]|\{{[^{{}}]*+\}})*+\}})?|\\ensuremath\{{[^{{}}]*+\}}|{MATH})|\\.|([{{}}])",
    re.DOTALL,
)


def title_to_latex(title: str) -> str:
    """Return LaTeX for a title, with words that hold inner capitals in braces."""
    text = " ".join(title.split())
    if "$" in text:
        return protected(to_latex(text))
    pieces: list[str] = []
    last = 0
    for found in _CAPITALS.finditer(text):
        pieces += (to_latex(text[last : found.start()]), "{", to_latex(found[0]), "}")
        last = found.end()
    return protected("".join([*pieces, to_latex(text[last:])]))


def protected(latex: str) -> str:
    """Put commands and mathematics with capitals in braces where BibTeX would lower their case."""
    if "\\" not in latex and "$" not in latex:
        return latex
    pieces: list[str] = []
    depth = last = 0
    for found in _TOKEN.finditer(latex):
        if found[2]:
            depth += 1 if found[2] == "{" else -1
        elif depth == 0 and found[1] and not found[1].islower():
            pieces += (latex[last : found.start()], "{", found[1], "}")
            last = found.end()
    return "".join([*pieces, latex[last:]])
