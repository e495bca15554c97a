"""Checks of figures, tables and the references to them."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePosixPath

from peercycle.agents.reviewers.rubric.findings import Fault, Finding, nothing_there
from peercycle.agents.reviewers.rubric.inspection import Inspection

_BY_HAND = re.compile(r"\b(Figure|Fig\.|Table)s?[~\s](\d{1,2})\b")


def references_resolve(i: Inspection) -> Finding:
    """Every reference has its label, once, and figures numbered by hand exist."""
    name = "references-resolve"
    paper = i.paper
    labels = Counter(paper.labels)
    faults = [Fault(f"reference to {ref!r}, which nothing is labelled") for ref in paper.refs if ref not in labels]
    faults += [Fault(text) for text in _other_kinds(i)]
    faults += [Fault(f"the label {label!r} is given {n} times") for label, n in labels.items() if n > 1]
    by_hand = _numbered_by_hand(i)
    for kind, number in by_hand:
        there = sum(1 for f in paper.floats if f.kind == kind)
        if number > there:
            faults.append(Fault(f"{kind} {number} is referred to; there are {there}"))
    checked = len(paper.refs) + len(by_hand)
    if not checked and not faults:
        return nothing_there(name, "nothing is referred to", absent=1.0)
    return Finding(name, f"{checked - len(faults)} of {checked} references lead somewhere", tuple(faults))


_CALLED = re.compile(r"\b(?P<kind>Fig|Tab)(?:ures?|les?|s?\.)?[~\s]*\\ref\s*\{(?P<label>[^{}]*)\}", re.IGNORECASE)


def _other_kinds(i: Inspection) -> list[str]:
    """Find references that call a table a figure, or a figure a table."""
    kinds = {label: f.kind for f in i.paper.floats for label in f.labels}
    called = (
        (("figure", "table")[m.group("kind").lower() == "tab"], m.group("label").strip())
        for m in _CALLED.finditer(i.paper.scan.text)
    )
    return [
        f"{label!r} is called a {kind}, and is a {kinds[label]}"
        for kind, label in called
        if kinds.get(label, kind) != kind
    ]


def _numbered_by_hand(i: Inspection) -> list[tuple[str, int]]:
    if not i.paper.from_latex:
        return []
    found = [
        m for part in i.paper.parts for line in part.sentences if "⟨c⟩" not in line for m in _BY_HAND.finditer(line)
    ]
    return [("table" if m.group(1) == "Table" else "figure", int(m.group(2))) for m in found]


def floats_are_used(i: Inspection) -> Finding:
    """Every figure and table has a caption, is spoken of in the text, and its file exists."""
    name = "figures-and-tables-are-used"
    paper = i.paper
    if not paper.floats:
        extra = _unused_files(i)
        if extra:
            return Finding(name, "no figure is shown", tuple(extra), 0.3)
        return nothing_there(name, "there is no figure or table with a caption", absent=0.6)
    by_hand = Counter(kind for kind, _ in set(_numbered_by_hand(i)))
    faults: list[Fault] = []
    for f in paper.floats:
        referred = any(label in paper.refs for label in f.labels)
        if not referred and by_hand[f.kind] < sum(1 for g in paper.floats if g.kind == f.kind):
            faults.append(Fault(f"{f.where} is never referred to", f.where))
        if len(f.caption.split()) < 3:
            faults.append(Fault(f"{f.where} says too little in its caption", f.where))
        if f.kind == "figure" and not f.files and paper.from_latex and not _draws(i):
            faults.append(Fault(f"{f.where} shows nothing", f.where))
    faults += _missing_files(i) + _unused_files(i)
    evidence = (
        f"{len(paper.floats)} figures and tables, {len(faults)} complaints about captions, references and files"
    )
    shown = len({f.caption for f in paper.floats})
    return Finding(name, evidence, tuple(faults), 0.6 + 0.2 * min(2, shown))


def _draws(i: Inspection) -> bool:
    return "tikzpicture" in i.paper.scan.text or "\\input" in i.paper.scan.text


def _missing_files(i: Inspection) -> list[Fault]:
    manuscript = i.paper.manuscript
    if manuscript is None:
        return []
    there = {f.file for f in manuscript.figures}
    named = [PurePosixPath(file.strip()).name for f in i.paper.floats for file in f.files]
    return [
        Fault(f"the figure file {file!r} does not exist")
        for file in named
        if file not in there and not _stem_in(file, there)
    ]


def _stem_in(file: str, there: set[str]) -> bool:
    return "." not in file and any(PurePosixPath(name).stem == file for name in there)


def _unused_files(i: Inspection) -> list[Fault]:
    manuscript = i.paper.manuscript
    if manuscript is None:
        return []
    text = i.paper.scan.text
    return [
        Fault(f"the figure {f.file!r} is not shown")
        for f in manuscript.figures
        if f.file not in text and PurePosixPath(f.file).stem not in text
    ]
