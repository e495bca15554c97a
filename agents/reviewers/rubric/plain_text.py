"""Papers as plain text or Markdown, brought into the LaTeX form that the checks read."""

from __future__ import annotations

import re

from peercycle.agents.reviewers.rubric.plain_citations import reference_entries, with_citations
from peercycle.agents.reviewers.rubric.roles import role_by_heading

_LATEX = re.compile(r"\\(?:section|begin|cite[a-z]*|documentclass|title|textbf|emph)\b")
_MARKDOWN = re.compile(r"^(#{1,5})\s+(.{1,120}?)\s*#*$")
_NUMBERED = re.compile(r"^\d{1,2}(?:\.\d{1,2}){0,2}\.?\s+([A-Z][^.!?]{1,70})$")
_CAPTION = re.compile(r"^(?:\*\*)?(Figure|Fig\.|Table)\s(\d{1,2})\s?[:.]\s?(?:\*\*)?\s?(.+)$")
_MENTION = re.compile(r"\b(Figures?|Figs?\.|Tables?)\s(\d{1,2})\b")
_LISTED = re.compile(r"^\s{0,6}(?:[-*•]|\d{1,2}[.)])\s+")


def looks_like_latex(text: str) -> bool:
    """Tell LaTeX from plain text."""
    return _LATEX.search(text) is not None


def latex_from_text(text: str) -> str:
    """Mark up headings, citations, captions and references of plain text; everything else stays as it is."""
    lines: list[str] = []
    listed: list[str] = []
    section = ""
    abstract = False
    for raw in text.splitlines():
        line = raw.rstrip()
        heading = _heading(line)
        if heading is not None:
            lines += ["\\end{abstract}"] if abstract else []
            lines += _ended(section, listed)
            section = role_by_heading(heading) or "other" if lines or role_by_heading(heading) else "title"
            abstract = section == "abstract"
            lines.append(_opening(section, _escaped(heading)))
        elif section == "references":
            listed.append(line)
        else:
            lines.append(_body(line))
    lines += ["\\end{abstract}"] if abstract else []
    lines += _ended(section, listed)
    joined = re.sub(r"(?<!\n)\n(?!\n|\\(?:section|begin|end|bibitem|title))", " ", "\n".join(lines))
    # Only now: a citation may go on in the next line.
    before, opening, references = joined.partition("\\begin{thebibliography}")
    return f"{with_citations(before)}{opening}{references}"


def _ended(section: str, listed: list[str]) -> list[str]:
    """Return the lines that end a section; those of a list of references are read as its entries."""
    if section != "references":
        return []
    items = [f"\\bibitem{{{key}}} {_escaped(text)}" for key, text in reference_entries(listed)]
    listed.clear()
    return [*items, "\\end{thebibliography}"]


def _heading(line: str) -> str | None:
    if found := _MARKDOWN.match(line):
        return found.group(2)
    if found := _NUMBERED.match(line):
        return found.group(1)
    bare = line.strip(" :*")
    named = role_by_heading(bare) is not None and len(bare.split()) <= 4 and bare[:1].isupper()
    return bare if named and not line.rstrip().endswith((".", ",", ";")) else None


def _opening(section: str, heading: str) -> str:
    if section == "title":
        return f"\\title{{{heading}}}"
    if section == "abstract":
        return "\\begin{abstract}"
    return "\\begin{thebibliography}{9}" if section == "references" else f"\\section{{{heading}}}"


def _escaped(line: str) -> str:
    line = re.sub(r"(?<!\\)([%&#_])", r"\\\1", line)
    return line.replace("{", "(").replace("}", ")").replace("**", "")


def _body(line: str) -> str:
    if found := _LISTED.match(line):
        return f"\n{_body(line[found.end() :])}"
    if line.lstrip().startswith("|"):
        return ""
    if found := _CAPTION.match(line):
        kind = "table" if found.group(1) == "Table" else "figure"
        name = f"{kind}{found.group(2)}"
        return f"\n\\begin{{{kind}}}\\caption{{{_escaped(found.group(3))}}}\\label{{{name}}}\\end{{{kind}}}\n"
    line = _escaped(line)
    return _MENTION.sub(lambda m: f"\\ref{{{'table' if m.group(1)[0] == 'T' else 'figure'}{m.group(2)}}}", line)
