"""Where bindings stand: which measurements a paragraph or a table shows together."""

from __future__ import annotations

import re

from peercycle.agents.reviewers.rubric.prose import is_number_list, to_prose
from peercycle.core.latex_scan import LatexScan, blank_out, scan_latex
from peercycle.core.result_numbers import table_spans

BINDING = re.compile(r"\\measured\s*\{([^{}]*)\}")
_PARAGRAPH = re.compile(r"\n\s*\n|\\(?:sub)*section\*?\{[^{}]*\}")


def told_together(scan: LatexScan) -> tuple[frozenset[str], ...]:
    """Return the measurements bound in each paragraph and table; bare lists of numbers tell nothing and are left out."""
    tables = table_spans(scan)
    pieces = [p for p in _PARAGRAPH.split(blank_out(scan.text, tables)) if "\\measured" in p]
    groups = [bound_ids(p) for p in pieces if not is_number_list(to_prose(scan_latex(p)))]
    return (*groups, *(bound_ids(scan.at(span)) for span in tables))


def bound_ids(latex: str) -> frozenset[str]:
    """Return the measurements that a piece of LaTeX binds numbers to."""
    return frozenset(m.group(1).strip().replace("\\_", "_") for m in BINDING.finditer(latex))
