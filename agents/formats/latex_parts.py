"""Title and abstract of LaTeX that may stop anywhere."""

from __future__ import annotations

import re

LONGEST_TITLE = 2000
_TITLE = re.compile(r"\\title[ \t]*+(?:\[[^\]\n]{0,300}\])?+[ \t]*+\{")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_ABSTRACT = re.compile(r"\\begin[ \t]*\{abstract\}")
_ABSTRACT_END = re.compile(r"\\end[ \t]*\{abstract\}|\\(?:section|maketitle|chapter)\b")
_ABSTRACT_COMMAND = re.compile(r"\\abstract[ \t]*\{")


def title_of(latex: str) -> str:
    """Return the argument of `\\title`, braces and mathematics intact; of one that is never closed, its first line."""
    found = _TITLE.search(latex)
    return _argument(latex, found.end(), LONGEST_TITLE, line=True) if found else ""


def abstract_of(latex: str) -> str:
    """Return the abstract; of one that is never closed, what stands before the first section."""
    found = _ABSTRACT.search(latex)
    if found is None:
        command = _ABSTRACT_COMMAND.search(latex)
        return _argument(latex, command.end(), 20_000, line=False) if command else ""
    end = _ABSTRACT_END.search(latex, found.end())
    return latex[found.end() : end.start() if end else len(latex)].strip()


def _argument(latex: str, begin: int, longest: int, *, line: bool) -> str:
    depth = 1
    for brace in _BRACE.finditer(latex, begin, begin + longest):
        mark = brace.group()
        if mark in "{}":
            depth += 1 if mark == "{" else -1
        if depth == 0:
            return _joined(latex[begin : brace.start()])
    rest = latex[begin : begin + longest]
    return _joined(rest.partition("\n")[0] if line else rest)


def _joined(text: str) -> str:
    """Return the text with its line breaks as blanks: an argument may run over lines."""
    return " ".join(part.strip() for part in text.split("\n")).strip()
