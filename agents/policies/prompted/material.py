"""What a prompt shows of the literature and the paper, planned to fit: whole items are left out, none is cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from peercycle.core.experiments import ExperimentResults, Measurement
from peercycle.core.literature import Reference
from peercycle.core.writing import Manuscript, Section

MOST_KEYS = 150
"""Works that an answer may choose from: engines that follow a schema slow down with longer lists."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What of the literature a prompt shows."""

    text: str
    keys: tuple[str, ...]
    left_out: int = 0


def show_works(works: Sequence[Reference], room: int) -> Shown:
    """Show titles of as many works as fit, then abstracts of as many of those as fit still."""
    unique = list({work.key: work for work in reversed(works)}.values())[::-1]
    lines: list[str] = []
    spent = 0
    for work in unique[:MOST_KEYS]:
        line = f"[{work.key}] {_titled(work)}"
        if spent + len(line) + 1 > room:
            break
        spent += len(line) + 1
        lines.append(line)
    for index, work in enumerate(unique[: len(lines)]):
        abstract = " ".join((work.abstract or "").split())
        if abstract and spent + len(abstract) + 13 <= room:
            spent += len(abstract) + 13
            lines[index] += f"\n  Abstract: {abstract}"
    return Shown(
        "\n".join(lines) or "(no works)", tuple(w.key for w in unique[: len(lines)]), len(unique) - len(lines)
    )


def _titled(work: Reference) -> str:
    authors = work.authors[0] + (" et al." if len(work.authors) > 1 else "") if work.authors else "unknown authors"
    return f"{' '.join(work.title.split()) or 'untitled'} ({authors}, {work.year or 'no year'})"


def show_sections(sections: Iterable[Section], room: int) -> str:
    """Show sections whole, the latest first in claim to room; of the others, their headings."""
    shown: list[str] = []
    for section in reversed(list(sections)):
        whole = f"\\section{{{section.heading}}}\n{section.body}"
        if len(whole) <= room:
            room -= len(whole)
            shown.append(whole)
        else:
            shown.append(f"\\section{{{section.heading}}}\n% (left out here: {len(section.body)} characters)")
    return "\n\n".join(reversed(shown)) or "(nothing is written yet)"


def show_manuscript(manuscript: Manuscript, room: int) -> str:
    """Show a paper."""
    head = f"\\title{{{manuscript.title}}}\n\\begin{{abstract}}\n{manuscript.abstract}\n\\end{{abstract}}\n\n"
    return head + show_sections(manuscript.sections, max(0, room - len(head)))


def show_measurements(results: ExperimentResults | None, room: int) -> str:
    """Show measured numbers as the bindings that print them; derived ones first, seeds as far as there is room."""
    if results is None:
        return ""
    ordered = sorted(results.measurements, key=lambda m: (m.derived is None, m.experiment, m.metric, m.group or ""))
    lines: list[str] = []
    for measurement in ordered:
        line = _bound(measurement)
        if room < len(line) + 1:
            break
        room -= len(line) + 1
        lines.append(line)
    return "\n".join(lines)


def printed(value: float) -> str:
    """Return a right rounding of a value to four significant digits, without an exponent where that is short."""
    if value == int(value) and abs(value) < 1e9:
        return str(int(value))
    plain = f"{value:.4g}"
    if "e" not in plain:
        return plain
    mantissa, _, exponent = plain.partition("e")
    return f"{mantissa} \\times 10^{{{int(exponent)}}}"


def _bound(m: Measurement) -> str:
    what = [m.metric, f"of {m.group}" if m.group else "", f"({m.unit})" if m.unit else ""]
    how = f"{m.derived.statistic} over {len(m.derived.of)} runs" if m.derived else f"seed {m.seed}"
    return f"\\measured{{{m.id}}}{{{printed(m.value)}}}  % {' '.join(w for w in what if w)}; {how}; experiment {m.experiment}"
