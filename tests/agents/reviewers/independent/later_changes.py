"""The edits of the later trial: ten damages and ten harmless changes, and three damages that readers had reported.

They were devised from the issue and the papers alone, before the checks were read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from tests.agents.reviewers.independent.trial_papers import checked

from peercycle.core.reviews import Submission

WORDINGS: Final[dict[str, dict[str, list[tuple[str, str]]]]] = json.loads(
    Path(__file__).with_name("later_edits.json").read_text(encoding="utf-8")
)
"""By edit and paper: passages, each with what stands there afterwards."""
Change = Callable[[str, Submission], Submission | None]
"""Takes a paper's name and the paper; returns the edited paper, or None where the edit does not apply."""
_LATEX_ROW = re.compile(r"(?m)^[^\n&]*&[^\n]*\\\\(?:[ ]*\\hline)*$")
_PIPE_ROW = re.compile(r"(?m)^\| (?!-)[^\n]*\|$")
_SKIPPED = r"\midrule"


def mapped(submission: Submission, change: Callable[[str], str]) -> Submission:
    """Return the submission with the same change made to its abstract, bodies or text, and checked again."""
    manuscript = submission.manuscript
    if manuscript is None:
        return submission.model_copy(update={"text": change(submission.text or "")})
    sections = tuple(s.model_copy(update={"body": change(s.body)}) for s in manuscript.sections)
    edited = manuscript.model_copy(update={"abstract": change(manuscript.abstract), "sections": sections})
    return checked(submission.model_copy(update={"manuscript": edited}))


def _put(old: str, new: str, text: str) -> str:
    return text.replace(old, new)


def worded(edit: str) -> Change:
    """Return the change that replaces passages by others; every one of them must be there."""

    def change(name: str, submission: Submission) -> Submission | None:
        for old, new in WORDINGS[edit].get(name, ()):
            edited = mapped(submission, partial(_put, old, new))
            assert edited != submission, (name, old)
            submission = edited
        return submission if name in WORDINGS[edit] else None

    return change


def rows(change: Callable[[list[str]], list[str]]) -> Change:
    """Return the change that puts other rows in the place of a table's rows, its head apart."""

    def edit(text: str) -> str:
        pattern = _LATEX_ROW if r"\begin{tabular}" in text else _PIPE_ROW
        found = [match for match in pattern.finditer(text) if any(c.isdigit() for c in match[0].split("&", 1)[-1])]
        found = [match for match in found if len(re.findall(r"\d", match[0])) > 4]
        changed = change([match[0] for match in found])
        for match, row in reversed(list(zip(found, changed, strict=True))):
            text = text[: match.start()] + row + text[match.end() :]
        return text

    def apply(_name: str, submission: Submission) -> Submission | None:
        edited = mapped(submission, edit)
        return None if edited == submission else edited

    return apply


def _cells(row: str) -> tuple[str, list[str], str]:
    mark = "|" if row.startswith("|") else "&"
    tail = re.search(r"\s*\\\\.*$", row)
    end = tail[0] if tail else ""
    body = row[: len(row) - len(end)]
    return mark, body.strip("| ").split(mark) if mark == "|" else body.split(mark), end


def _joined(mark: str, cells: list[str], end: str) -> str:
    inner = mark.join(cells)
    return f"| {inner} |" if mark == "|" else inner + end


def labels_rotated(found: list[str]) -> list[str]:
    """Move every row's label to the next row."""
    taken = [_cells(row) for row in found]
    labels = [cells[0] for _, cells, _ in taken]
    depth = 2 if len({label.strip() for label in labels}) < len(labels) else 1
    heads = [cells[:depth] for _, cells, _ in taken]
    turned = heads[-1:] + heads[:-1]
    return [_joined(m, [*h, *cells[depth:]], e) for (m, cells, e), h in zip(taken, turned, strict=True)]


def rows_reversed(found: list[str]) -> list[str]:
    """Put the rows in the opposite order, whole."""
    return found[::-1]


def last_column_first(name: str, submission: Submission) -> Submission | None:
    """Move the last column behind the label, the head too."""
    if name in ("fluency", "sorting"):
        return None

    def edit(text: str) -> str:
        if r"\begin{tabular}" not in text and "\n|" not in text:
            return text

        def moved(match: re.Match[str]) -> str:
            mark, cells, end = _cells(match[0])
            return _joined(mark, [cells[0], f" {cells[-1].strip()} ", *[f" {c.strip()} " for c in cells[1:-1]]], end)

        return (_LATEX_ROW if r"\begin{tabular}" in text else re.compile(r"(?m)^\|[^\n]*\|$")).sub(moved, text)

    edited = mapped(submission, edit)
    return None if edited == submission else edited


def acknowledged(_name: str, submission: Submission) -> Submission:
    """Thank people, with counts of things that are not the study's."""
    words = (
        "We thank two colleagues who read seven drafts, and the eleven members of the seminar, "
        "whose three questions made the text clearer."
    )
    manuscript = submission.manuscript
    if manuscript is not None:
        last = manuscript.sections[-1]
        section = last.model_copy(update={"heading": "Acknowledgements", "body": words, "role": "other"})
        return checked(
            submission.model_copy(
                update={"manuscript": manuscript.model_copy(update={"sections": (*manuscript.sections, section)})}
            )
        )
    text = submission.text or ""
    heading = "## Acknowledgements\n\n" if text.startswith("# ") else "\\section*{Acknowledgements}\n"
    for end in ("## References", "\\begin{thebibliography}", "\\bibliographystyle"):
        if end in text:
            return submission.model_copy(update={"text": text.replace(end, f"{heading}{words}\n\n{end}")})
    return submission.model_copy(update={"text": f"{text}\n{heading}{words}\n"})


REPORTED: Final[dict[str, Change]] = {
    "conclusion_inverted": worded("conclusion_inverted"),
    "count_contradicted": worded("count_contradicted"),
    "labels_rotated": rows(labels_rotated),
}
DAMAGES: Final[dict[str, Change]] = {
    "interval_of_another": worded("interval_of_another"),
    "ratio_wrong": worded("ratio_wrong"),
    "sample_contradicted": worded("sample_contradicted"),
    "difference_wrong": worded("difference_wrong"),
    "unit_changed": worded("unit_changed"),
    "significance_overturned": worded("significance_overturned"),
    "bold_on_the_worse": worded("bold_on_the_worse"),
    "reference_to_the_other_kind": worded("reference_to_the_other_kind"),
    "citation_misattributed": worded("citation_misattributed"),
    "superlative_moved": worded("superlative_moved"),
}
HARMLESS: Final[dict[str, Change]] = {
    "comparison_told_the_other_way": worded("comparison_told_the_other_way"),
    "counts_in_digits": worded("counts_in_digits"),
    "synonyms": worded("synonyms"),
    "qualitative_comparisons": worded("qualitative_comparisons"),
    "rounded": worded("rounded"),
    "groups_renamed": worded("groups_renamed"),
    "sentences_split": worded("sentences_split"),
    "rows_reordered": rows(rows_reversed),
    "columns_reordered": last_column_first,
    "acknowledgements": acknowledged,
}
