"""Which numbers of a text are claims of results: not years, references, labels, lengths or settings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from peercycle.core.latex_scan import Command, LatexScan, Span, blank_out, span_at
from peercycle.core.numerals import Printed, printed_numbers
from peercycle.core.remembering import remembered

_NOT_PROSE = (
    "ref eqref autoref cref Cref nameref pageref vref label hyperref includegraphics input include documentclass "
    "usepackage bibliography bibliographystyle addbibresource vspace hspace setlength addtolength setcounter rule "
    "thispagestyle pagestyle color definecolor newcommand renewcommand providecommand def cline cmidrule rowcolor "
    "cellcolor newtheorem DeclareMathOperator url path nolinkurl measured bibitem tag subref vskip hskip "
    "graphicspath captionsetup geometry hypersetup lstset linespread fontsize selectlanguage "
    "hyphenation doi nocite"
)
_WHOLLY = frozenset(_NOT_PROSE.split())
"""Commands whose arguments are no prose."""
_FIRST = {"begin": 1, "end": 1, "textcolor": 1, "href": 1, "multirow": 2, "multicolumn": 2, "parbox": 1,
          "colorbox": 1, "adjustbox": 1, "resizebox": 2, "scalebox": 1, "makebox": 0, "item": 0}  # fmt: skip
_CITES = re.compile(r"(?:[A-Za-z]*cite[a-zA-Z]*|citation)$")
_SPEC_ENVIRONMENTS = frozenset(
    {"tabular", "tabular*", "tabularx", "array", "longtable", "minipage", "thebibliography", "wrapfigure", "tabulary"}
)
TABLES = frozenset({"tabular", "tabular*", "tabularx", "array", "longtable", "tabulary", "tblr"})

_LINKS = re.compile(r"(?:https?://|www\.|doi:\s?|arXiv:\s?)\S{1,300}|\b10\.\d{4,9}/\S{1,200}", re.IGNORECASE)
_REFERENCE = re.compile(
    r"\b(?:Sections?|Secs?|§|Figures?|Figs?|Tables?|Tabs?|Equations?|Eqs?|Eqns?|Chapters?|Chaps?|Append(?:ix|ices)|"
    r"Theorems?|Lemmas?|Propositions?|Corollar(?:y|ies)|Algorithms?|Algs?|Definitions?|Examples?|Steps?|Lines?|Pages?|pp?|"
    r"Questions?|RQ|Hypothes[ei]s|Experiments?|Stud(?:y|ies)|Items?|Parts?|Volumes?|Vol|No|Nos|Stages?|Phases?|Rounds?|"
    r"Clusters?|Topics?|Groups?|Levels?|Types?|Class|Task|Version|Release|Python|CUDA|Seeds?|Reviewers?|Notes?|Refs?|"
    r"Panels?|Rows?|Columns?|Claims?|Cases?|Contributions?|v|ver)"
    r"[.\s~#(]{1,3}(?:\d[\d.]{0,5}[a-z]?\s{0,2}(?:,|and|or|to|--?|–|&|\\&)\s{0,2}(?:and\s)?){0,6}$",
    re.IGNORECASE,
)
_MONTH_BEFORE = re.compile(
    r"\b(?:January|February|March|April|May|June|July|August|September|October|November|December|Jan|Feb|Mar|Apr|Jun|"
    r"Jul|Aug|Sept?|Oct|Nov|Dec)\.?[\s~]{1,2}$"
)
_MONTH_AFTER = re.compile(
    r"[\s~]{1,2}(?:January|February|March|April|May|June|July|August|September|October|November|December)\b"
)
_LENGTH = re.compile(
    r"[\s~]?\\(?:textwidth|linewidth|columnwidth|textheight|paperwidth|hsize|baselineskip|em|ex)\b"
    r"|(?:pt|em|ex|bp|pc|sp|mu)\b(?=[\s,}\]]|\Z)"
)
"""Lengths of TeX alone: millimetres in prose are results; those of layout stand in arguments that are no prose."""
_ORDINAL = re.compile(r"(?:st|nd|rd|th|D|d)(?![A-Za-z])")
_SETTING = re.compile(
    r"[\s~-]{1,2}(?:[a-z]+[\s~-]){0,2}?(?:seeds?|runs?|repetitions?|repeats?|replicates?|folds?|fold|resamples?|"
    r"bootstraps?|permutations?|shuffles?|iterations?|epochs?|layers?|heads?|threads?|cores?|GPUs?|CPUs?|trees?)\b",
    re.IGNORECASE,
)
_CONFIDENCE = re.compile(
    r"[\s~-]{0,2}(?:[a-z-]+[\s~]){0,2}?(?:confidence|CIs?\b|credible|intervals?|bootstrap|significance|level)",
    re.IGNORECASE,
)
_PARAMETER_BEFORE = re.compile(
    r"(?:(?:\\(?:alpha|lambda|gamma|epsilon|varepsilon|eta)|(?<![A-Za-z\\])[kKBTL]|(?<![A-Za-z\\])seed)\s?=\s?"
    r"|(?:level|threshold|significance)\s(?:of\s|at\s|=\s?)?)$"
)
_JOINED_BEFORE = re.compile(r"(?:[A-Za-z]-?|[A-Za-z]\\_|[_^]\{?\s?|#|\d[.:/]?|\\|\{\d{0,8},)$")
_LABEL = re.compile(r"[a-z]?[).](?:\s|$)")


def blank_non_prose(scan: LatexScan) -> str:
    """Return the scanned text with every argument that is no prose blanked out."""
    spans: list[Span] = []
    for command in scan.commands:
        spans += _non_prose(scan, command)
    text = blank_out(scan.text, spans)
    return blank_out(text, [Span(m.start(), m.end()) for m in _LINKS.finditer(text)])


def _non_prose(scan: LatexScan, command: Command) -> list[Span]:
    name = command.name
    if name in _WHOLLY or _CITES.fullmatch(name):
        return [Span(command.start, scan.arguments(command)[2])]
    if name not in _FIRST:
        return []
    optional, mandatory, _ = scan.arguments(command)
    count = _FIRST[name]
    if name == "begin" and mandatory and scan.at(mandatory[0]).strip() in _SPEC_ENVIRONMENTS:
        count = 3
    inner = optional + mandatory[:count]
    if name == "begin" and mandatory and (after := scan.group(mandatory[0].end + 1, "[")) is not None:
        inner.append(after)
        if count == 3 and (spec := scan.group(after.end + 1)) is not None:
            inner.append(spec)
    return inner


def table_spans(scan: LatexScan) -> list[Span]:
    """Return where tables are, in order, nested ones merged."""
    merged: list[Span] = []
    for found in sorted((e for e in scan.environments() if e.name in TABLES), key=lambda e: e.start):
        if merged and found.start < merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(found.end, merged[-1].end))
        else:
            merged.append(Span(found.start, found.end))
    return merged


def result_numbers(text: str, tables: list[Span]) -> Iterator[Printed]:
    """Yield the numbers of `text`, as `blank_non_prose` returned it, that can be results."""
    if not tables:
        yield from results_of_prose(text)
        return
    for found in printed_numbers(text):
        if not _is_no_result(text, found, in_table=span_at(tables, found.start) is not None):
            yield found


@remembered
def results_of_prose(text: str) -> tuple[Printed, ...]:
    """Return the numbers of a text without tables that can be results."""
    return tuple(found for found in printed_numbers(text) if not _is_no_result(text, found, in_table=False))


def _is_no_result(text: str, found: Printed, *, in_table: bool) -> bool:
    before = text[max(0, found.start - 48) : found.start]
    after = text[found.end : found.end + 48]
    if _JOINED_BEFORE.search(before) or _REFERENCE.search(before) or _LENGTH.match(after):
        return True
    if _ORDINAL.match(after) or re.match(r"\.\d|:\d\d|/\d|-[A-Za-z]|\s?\^", after):
        return True
    if _is_date(found, before, after) or (not in_table and _is_label(found, before, after)):
        return True
    if found.number.percent and _CONFIDENCE.match(after):
        return True
    if _PARAMETER_BEFORE.search(before):
        return True
    return found.number.integral and not in_table and _SETTING.match(after) is not None


def _is_date(found: Printed, before: str, after: str) -> bool:
    if not found.number.integral or "," in found.shown:
        return False
    value = int(found.number.value)
    if len(found.shown) == 4 and 1500 <= value <= 2099:
        return not re.search(r"=\s?$", before)
    return bool(1 <= value <= 31 and (_MONTH_BEFORE.search(before) or _MONTH_AFTER.match(after)))


def _is_label(found: Printed, before: str, after: str) -> bool:
    """Tell a list label: `(1)`, or `1.` or `1)` at the beginning of a line."""
    if not re.fullmatch(r"\d{1,2}", found.shown):
        return False
    if before.endswith("(") and after.startswith(")"):
        return True
    return re.search(r"(?:^|\n)\s*\(?$", before) is not None and _LABEL.match(after) is not None
