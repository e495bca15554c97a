"""LaTeX inside JSON strings: which backslashes a model meant as LaTeX, though JSON reads them otherwise."""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\(?:(?P<letters>[A-Za-z]+)|(?P<other>[^A-Za-z])|\Z)", re.DOTALL)
_HEX = re.compile(r"u[0-9a-fA-F]{4}")
_STARTS_WITH_T = (
    "tabcolsep tabular tabularx tabulinesep tag tan tanh target tau tbinom tcolorbox tensor tfrac thanks theorem "
    "thesection theta thetitle thickspace thinspace thispagestyle tikz tilde times tiny title titlerunning to today "
    "toprule top triangle triangledown triangleleft triangleq triangleright tt ttfamily table tableofcontents twocolumn "
    "tr trace"
)
_STARTS_WITH_N = (
    "nabla name natural nbsp ne nearrow neg neq newblock newcommand newcounter newenvironment newline newpage newtheorem "
    "nexists ngeq nleq nmid noindent nocite nobreak noalign nolimits nolinebreak nonumber nopagebreak norm normalfont "
    "normalsize not notag note notin notni nparallel nrightarrow nsim nsubseteq nu num nwarrow numberwithin"
)
MACROS = frozenset(f"{_STARTS_WITH_T} {_STARTS_WITH_N}".split())
"""LaTeX commands that JSON would read as a tab or a line end and the rest of their name."""


def protect_latex(source: str, *, prose: bool = True) -> str:
    """Return JSON text in which every backslash of LaTeX is doubled, so that JSON reads it as a backslash.

    Backslashes that no JSON escape begins with are always doubled. With `prose`, so are those of `\\textsc`,
    `\\nabla`, `\\frac`, `\\beta`, `\\rho` and their like, which are valid JSON and mean something else there;
    `\\n` before any other word stays a line end. Without `prose` (program code) valid escapes stay as they are.
    """
    raw = False

    def meant(found: re.Match[str]) -> str:
        nonlocal raw
        letters, other = found["letters"], found["other"]
        if letters is not None:
            if _is_json(found, letters, prose=prose):
                return found.group()
            raw = True
            return "\\" + found.group()
        if other is None:
            return "\\\\"
        if other == "\\":
            following = source[found.end() : found.end() + 1]
            # A writer who escapes no backslash ends a table's row with two of them.
            return (
                "\\\\\\\\" if raw and prose and not following.isalpha() and following not in '"\\{}%&$_#' else "\\\\"
            )
        if other in '"/':
            return found.group()
        return "\\" + found.group()

    return _ESCAPE.sub(meant, source)


def _is_json(found: re.Match[str], letters: str, *, prose: bool) -> bool:
    """Tell whether a backslash and letters are an escape of JSON, followed by ordinary text."""
    first = letters[0]
    if first == "u":
        return _HEX.match(found.string, found.start("letters")) is not None
    if first not in "bfnrt":
        return False
    if not prose:
        return True
    following = found.string[found.end() : found.end() + 1]
    if first in "bf":
        return len(letters) == 1 and following != "{"
    if first == "r":
        return len(letters) == 1 or letters[1].isupper()
    if letters.startswith("text") and len(letters) > 4:
        return False
    # "\ne.g. this" is a new line before "e.g.", and "\not" is never one before "ot".
    abbreviation = following == "." and found.string[found.end() + 1 : found.end() + 2].isalpha()
    return letters not in MACROS or (abbreviation and len(letters) < 4)
