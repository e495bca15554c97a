"""Checks that the LaTeX is whole: what a compiler would stumble over, or set otherwise than meant."""

from __future__ import annotations

import re

from peercycle.agents.reviewers.rubric.findings import Fault, Finding, not_given
from peercycle.agents.reviewers.rubric.inspection import Inspection
from peercycle.core.latex_scan import LatexScan, Span, blank_out
from peercycle.core.result_numbers import TABLES

_ALIGNING = TABLES | {"align", "align*", "aligned", "matrix", "pmatrix", "bmatrix", "cases", "eqnarray", "split",
                      "alignat", "array", "gathered", "smallmatrix", "alignat*", "eqnarray*", "vmatrix",
                      "tblr"}  # fmt: skip
_MATH = frozenset({"equation", "equation*", "align", "align*", "gather", "gather*", "displaymath", "math", "eqnarray",
                   "multline", "multline*", "eqnarray*", "alignat", "alignat*"})  # fmt: skip
_GROUPED = (
    "section subsection subsubsection textbf emph textit cite citep citet ref label caption includegraphics title"
)
_NEEDS_GROUP = frozenset(_GROUPED.split())


def latex_is_whole(i: Inspection) -> Finding:
    """Braces, environments, dollars, alignment marks and arguments are where they must be."""
    name = "latex-is-whole"
    if not i.paper.from_latex:
        return not_given(name, "the paper is plain text")
    faults = [Fault(text) for text in latex_faults(i.paper.scan)]
    return Finding(name, f"{len(i.paper.scan.commands)} commands read, {len(faults)} faults", tuple(faults))


def latex_faults(scan: LatexScan) -> list[str]:
    """Return what is broken, a line each."""
    faults = [f"a brace without its partner near {scan.text[max(0, p - 25) : p + 15]!r}" for p in scan.stray]
    faults += _environments(scan) + _arguments(scan) + _dollars(scan) + _alignment(scan)
    return faults


def _environments(scan: LatexScan) -> list[str]:
    open_: list[str] = []
    faults: list[str] = []
    for command in scan.commands:
        if command.name not in {"begin", "end"} or (group := scan.group(command.end)) is None:
            continue
        name = scan.at(group).strip()
        if command.name == "begin":
            open_.append(name)
        elif name in open_:
            while open_[-1] != name:
                faults.append(f"the environment {open_.pop()!r} is never closed")
            open_.pop()
        else:
            faults.append(f"the environment {name!r} is closed without being open")
    return faults + [f"the environment {name!r} is never closed" for name in open_]


def _arguments(scan: LatexScan) -> list[str]:
    faults: list[str] = []
    for c in scan.commands:
        if c.name in _NEEDS_GROUP and not scan.arguments(c, 1)[1]:
            faults.append(f"\\{c.name} without its argument")
        if c.name == "measured" and len(scan.arguments(c, 2)[1]) != 2 and not scan.text.startswith("}", c.end):
            faults.append("\\measured without its two arguments")
    return faults + ["\\left and \\right do not pair"] * (
        sum(c.name == "left" for c in scan.commands) != sum(c.name == "right" for c in scan.commands)
    )


def _dollars(scan: LatexScan) -> list[str]:
    faults: list[str] = []
    for paragraph in re.split(r"\n[ \t]*\n", scan.text):
        dollars = len(re.findall(r"(?<!\\)\$", re.sub(r"\\\\", "  ", paragraph)))
        if dollars % 2:
            faults.append(f"a dollar sign without its partner in {paragraph.strip()[:60]!r}")
    return faults


def _alignment(scan: LatexScan) -> list[str]:
    """Find `&`, `_` and `^` where they are not allowed: outside tables, and outside mathematics."""
    aligning = [Span(e.start, e.end) for e in scan.environments() if e.name in _ALIGNING]
    outside = blank_out(scan.text, aligning)
    faults = [
        f"an alignment mark outside a table near {_near(outside, m.start())!r}"
        for m in re.finditer(r"(?<!\\)&", outside)
    ]
    maths = [Span(e.start, e.end) for e in scan.environments() if e.name in _MATH]
    maths += [Span(m.start(), m.end()) for m in _INLINE.finditer(scan.text)]
    raw = [Span(c.start, scan.arguments(c)[2]) for c in scan.commands if _takes_names(c.name)]
    text = blank_out(scan.text, maths + raw)
    faults += [
        f"a script outside mathematics near {_near(text, m.start())!r}"
        for m in re.finditer(r"(?<!\\)[_^](?!\\)", text)
    ][:5]
    return faults


_INLINE = re.compile(r"(?<!\\)\$\$?[^$]{1,600}?(?<!\\)\$\$?|\\\(.{1,600}?\\\)|\\\[.{1,1500}?\\\]", re.DOTALL)


def _takes_names(command: str) -> bool:
    names = {"ref", "eqref", "autoref", "cref", "Cref", "label", "includegraphics", "input", "include", "url", "href",
             "measured", "bibliography", "bibitem", "usepackage", "newcommand", "renewcommand", "def", "nocite",
             "documentclass",
             "bibliographystyle", "addbibresource", "path", "pageref", "ensuremath", "nolinkurl",
             "graphicspath"}  # fmt: skip
    return command in names or "cite" in command.lower()


def _near(text: str, at: int) -> str:
    return " ".join(text[max(0, at - 25) : at + 15].split())
