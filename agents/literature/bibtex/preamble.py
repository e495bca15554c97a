"""`@preamble`: TeX that a bibliography brings along, of which only definitions are passed on."""

from __future__ import annotations

import re
from collections.abc import Iterable

from peercycle.agents.literature.bibtex.accents import MATH

_MARK = r"\providecommand{\peercyclebib}{}"
_OWN = {
    "bibunichar": r"\providecommand{\bibunichar}[1]{\ifdefined\Umathchar\char#1\relax\else[\##1]\fi}",
    "bibogonek": r"\providecommand{\bibogonek}[1]"
    r"{\ifcsname\encodingdefault\string\k\endcsname\k{#1}\else\c{#1}\fi}",
}
"""A character by its number, where the engine's fonts have it; an ogonek, where the encoding has it."""

_DEFINITION = re.compile(
    r"\s*+(?:\\(?:new|provide|renew)command\*?\s*+\{?\s*+\\([A-Za-z]++)\s*+\}?\s*+(?:\[(\d)\])?+"
    r"|\\def\s*+\\([A-Za-z]++)\s*+((?:#\d)*+))\s*+(?=\{)"
)
_MATH = re.compile(rf"\\.|{MATH}", re.DOTALL)
_COMMAND = re.compile(r"\\([A-Za-z]++)")
_BRACE = re.compile(r"(?:\\\\)*+(?:\\[{}]|([{}]))")
DANGEROUS = frozenset(
    re.findall(
        r"\w+",
        """
    input include includeonly openin openout read readline write immediate special shipout output csname
    endcsname catcode lccode uccode def edef gdef xdef let futurelet expandafter noexpand begin end bye
    stop endinput directlua luaexec latelua newcommand renewcommand providecommand loop repeat verb
    verbatim batchmode scrollmode errorstopmode nonstopmode scantokens lstinputlisting includegraphics
    includepdf usepackage RequirePackage documentclass makeatletter makeatother endgroup begingroup
    bgroup egroup global long outer afterassignment aftergroup par halign valign noalign cr crcr span
    omit pdfximage ShellEscape DeclareRobustCommand ifx fi else or if ifnum romannumeral number the
    meaning jobname vbox hbox vskip hskip kern penalty message errmessage show dump discretionary insert
    mark vadjust left right item bibitem undefined section subsection label newpage clearpage maketitle
    footnote cite nocite
    """,
    )
)
"""Commands that no field may bring into a document."""


def is_own(body: str) -> bool:
    """Tell whether `write` made this preamble."""
    return body.startswith(_MARK)


def definitions(bodies: Iterable[str]) -> tuple[list[str], set[str]]:
    """Return the preambles that only define commands, each as `\\providecommand`, and the names defined."""
    kept: list[str] = []
    names: set[str] = set()
    for body in bodies:
        read = _definitions(body)
        if read is not None and read[0]:
            kept.append(read[0])
            names |= read[1]
    return kept, names


def _definitions(body: str) -> tuple[str, set[str]] | None:
    pieces: list[str] = []
    names: set[str] = set()
    at = 0
    while found := _DEFINITION.match(body, at):
        end = _closing(body, found.end())
        if end is None:
            return None
        name = found[1] or found[3]
        count = int(found[2] or (found[4] or "").count("#"))
        text = body[found.end() + 1 : end]
        if not _is_harmless(text, count) or name.startswith("end"):
            return None
        arguments = f"[{count}]" if count else ""
        pieces.append(f"\\providecommand{{\\{name}}}{arguments}{{{text}}}")
        names.add(name)
        at = end + 1
    return (" ".join(pieces), names) if not body[at:].strip() else None


def _is_harmless(text: str, count: int) -> bool:
    if not text.isascii() or re.search(r"[%$&^_~\"]|\\\W", text):
        return False
    if any(int(number or 10) > count for number in re.findall(r"#(\d?)", text)):
        return False
    return not DANGEROUS.intersection(re.findall(r"\\([A-Za-z]+)", text))


def _closing(text: str, opening: int) -> int | None:
    depth = 0
    for found in _BRACE.finditer(text, opening):
        depth += (found[1] == "{") - (found[1] == "}")
        if depth == 0 and found[1]:
            return found.end() - 1
    return None


def own(blocks: Iterable[str]) -> str:
    """Return the preamble that `blocks` need to compile: our own commands, and fallbacks in mathematics."""
    text = "\n".join(blocks)
    pieces = [definition for name, definition in _OWN.items() if f"\\{name}" in text]
    names: set[str] = set()
    if "$" in text:
        for found in _MATH.finditer(text):
            if found[0][0] == "$":
                names.update(_COMMAND.findall(found[0]))
    pieces += (f"\\providecommand{{\\{name}}}{{}}" for name in sorted(names - _OWN.keys()))
    return " ".join([_MARK, *pieces]) if pieces else ""
