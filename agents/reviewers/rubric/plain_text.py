"""Papers as plain text or Markdown, brought into the LaTeX form that the checks read."""

from __future__ import annotations

import re

from peercycle.agents.reviewers.rubric.roles import role_by_heading

_LATEX = re.compile(r"\\(?:section|begin|cite[a-z]*|documentclass|title|textbf|emph)\b")
_MARKDOWN = re.compile(r"^(#{1,5})\s+(.{1,120}?)\s*#*$")
_NUMBERED = re.compile(r"^\d{1,2}(?:\.\d{1,2}){0,2}\.?\s+([A-Z][^.!?]{1,70})$")
_NUMBERED_CITE = re.compile(r"\[(\d{1,3}(?:\s?[,;–-]\s?\d{1,3}){0,30})\]")
_AUTHOR_YEAR = re.compile(
    r"\((?:(?:see|e\.g\.,?|cf\.)\s)?((?:[A-Z][\w'’-]+(?:\s(?:et al\.?|and|&)\s?(?:[A-Z][\w'’-]+)?)?,?\s(?:19|"
    r"20)\d\d[a-z]?(?:;\s)?){1,20})\)"
)
_CAPTION = re.compile(r"^(?:\*\*)?(Figure|Fig\.|Table)\s(\d{1,2})\s?[:.]\s?(?:\*\*)?\s?(.+)$")
_MENTION = re.compile(r"\b(Figures?|Figs?\.|Tables?)\s(\d{1,2})\b")
_LISTED = re.compile(r"^\s{0,6}(?:[-*•]|\d{1,2}[.)])\s+")
_REFERENCE_ITEM = re.compile(r"^\s{0,4}(?:\[(\d{1,3})\]|(\d{1,3})\.)\s+(\S.*)$")


def looks_like_latex(text: str) -> bool:
    """Tell LaTeX from plain text."""
    return _LATEX.search(text) is not None


def latex_from_text(text: str) -> str:
    """Mark up headings, citations, captions and references of plain text; everything else stays as it is."""
    lines: list[str] = []
    section = ""
    abstract = False
    for raw in text.splitlines():
        line = raw.rstrip()
        heading = _heading(line)
        if heading is not None:
            lines += ["\\end{abstract}"] if abstract else []
            lines += ["\\end{thebibliography}"] if section == "references" else []
            section = role_by_heading(heading) or "other" if lines or role_by_heading(heading) else "title"
            abstract = section == "abstract"
            lines.append(_opening(section, _escaped(heading)))
        elif section == "references":
            lines.append(_reference(line))
        else:
            lines.append(_body(line))
    lines += ["\\end{abstract}"] if abstract else []
    lines += ["\\end{thebibliography}"] if section == "references" else []
    return re.sub(r"(?<!\n)\n(?!\n|\\(?:section|begin|end|bibitem|title))", " ", "\n".join(lines))


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


def _reference(line: str) -> str:
    if found := _REFERENCE_ITEM.match(line):
        return f"\\bibitem{{{found.group(1) or found.group(2)}}} {_escaped(found.group(3))}"
    if re.match(r"^\s{0,3}[-*]?\s?[A-Z][\w'’-]+,", line) and (year := re.search(r"\b(?:19|20)\d\d[a-z]?\b", line)):
        name = re.match(r"[^A-Z]*([\w'’-]+)", line)
        return f"\\bibitem{{{name.group(1) if name else ''}{year.group()}}} {_escaped(line)}"
    return _escaped(line)


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
    line = _NUMBERED_CITE.sub(lambda m: f"\\cite{{{_expanded(m.group(1))}}}", line)
    line = _AUTHOR_YEAR.sub(lambda m: f"\\cite{{{_author_keys(m.group(1))}}}", line)
    return _MENTION.sub(lambda m: f"\\ref{{{'table' if m.group(1)[0] == 'T' else 'figure'}{m.group(2)}}}", line)


def _expanded(numbers: str) -> str:
    keys: list[str] = []
    for part in re.split(r"[,;]", numbers):
        ends = [int(n) for n in re.findall(r"\d+", part)]
        keys += [str(n) for n in range(ends[0], min(ends[-1], ends[0] + 40) + 1)] if ends else []
    return ",".join(keys)


def _author_keys(cited: str) -> str:
    found = re.findall(r"([A-Z][\w'’-]+)[^;()]*?((?:19|20)\d\d[a-z]?)", cited)
    return ",".join(f"{name}{year}" for name, year in found)
