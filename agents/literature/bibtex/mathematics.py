"""Mathematics between dollar signs: what can be left to LaTeX as it is written."""

from __future__ import annotations

import re

from peercycle.agents.literature.bibtex.preamble import DANGEROUS
from peercycle.core.dollars import is_price

_PROPER = re.compile(r"\$(?!\s)(?:[^$\\#%&~\s\"]|\\[A-Za-z,;:!{}|_ ]|\s(?!\$))++\$(?!\d)")
_BAD_SCRIPT = re.compile(
    r"[\^_]\s*+(?:[\^_$}&']|\\(?:frac|sqrt|text|math|overline|hat|bar|tilde|vec|dot))|\\(?:[,;:! ])?$"
)
_TWO_SCRIPTS = re.compile(r"([\^_])\s*+(?:\{[^{}]*+\}|\\[A-Za-z]++|[^\\{}])\s*+(?:'|\1)")
_NO_ARGUMENT = re.compile(
    r"\\(?:sqrt|frac|math[a-z]++|text[a-z]*+|hat|bar|tilde|overline|vec|dot)(?![A-Za-z])(?!\s*+\{)"
)
_FRACTION = re.compile(r"\\frac(?!\{[^{}]*+\}\{)")
COMMAND = re.compile(r"\\([A-Za-z]++)")


def is_proper_math(text: str, start: int, end: int) -> bool:
    """Tell whether a span between dollar signs compiles, and is not two prices.

    The test is stricter than TeX: what it refuses is printed as text.
    """
    span = text[start:end]
    found = _PROPER.match(text, start)
    if found is None or found.end() != end or not span.isascii() or span.startswith("$$") or is_price(span[1:-1]):
        return False
    if _BAD_SCRIPT.search(span) or _TWO_SCRIPTS.search(span) or _NO_ARGUMENT.search(span):
        return False
    if _FRACTION.search(span) or DANGEROUS.intersection(COMMAND.findall(span)):
        return False
    return is_balanced(span)


_BRACE = re.compile(r"\\.|\{|\}", re.DOTALL)
_STEPS = {"{": 1, "}": -1}


def is_balanced(text: str) -> bool:
    """Tell whether LaTeX (which skips `\\{`) and BibTeX (which does not) both see matched braces."""
    if "{" not in text and "}" not in text:
        return True
    latex = bibtex = 0
    for piece in _BRACE.findall(text):
        step = _STEPS.get(piece[-1], 0)
        bibtex += step
        if len(piece) == 1:
            latex += step
        if latex < 0 or bibtex < 0:
            return False
    return latex == 0 and bibtex == 0
