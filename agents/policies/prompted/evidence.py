"""Citations and numbers of what a model wrote, held to the bibliography and the measurements."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from peercycle.agents.policies.prompted.material import printed
from peercycle.core.bindings import check_numbers, measured_uses
from peercycle.core.citations import citation_keys, cite_uses
from peercycle.core.experiments import ExperimentResults
from peercycle.core.latex_scan import scan_latex, span_at
from peercycle.core.sentences import sentence_spans
from peercycle.core.writing import Manuscript, NumberCheck, Section, SectionRole


@dataclass(frozen=True, slots=True)
class Mended:
    """A text with what nothing stands behind taken out, and what that was."""

    text: str
    reports: tuple[str, ...] = ()


def faults_of(body: str, role: SectionRole, keys: Collection[str], results: ExperimentResults | None) -> list[str]:
    """Return what is wrong with a section's citations and numbers, a line each, for its author."""
    unknown = [key for key in citation_keys(body) if key not in keys]
    faults = [f"it cites {', '.join(unknown[:8])}, which the bibliography does not have"] if unknown else []
    for number in _numbers(body, role, results)[:8]:
        if number.status == "unbound":
            faults.append(
                f"the number {number.shown} is bound to no measurement; use \\measured{{ID}}{{…}} or leave it out"
            )
        else:
            faults.append(f"\\measured{{{number.measurement}}}{{{number.shown}}}: {number.detail}")
    return faults


def mended(body: str, role: SectionRole, keys: Collection[str], results: ExperimentResults | None) -> Mended:
    """Drop unknown citations, mend wrong roundings, and drop the sentences of numbers that nothing stands behind."""
    text, reports = without_unknown(body, keys)
    text, more = _rounded(text, results)
    reports += more
    for number in _numbers(text, role, results):
        bound = number.measurement if number.status != "unbound" else None
        text, dropped = _without(text, number.shown, bound)
        if dropped:
            reports.append(f"dropped what nothing stands behind: {dropped[:160]}")
    return Mended(text, tuple(reports))


def one_line(heading: str) -> str:
    """Return a title or a heading on one line and without citations, which have no place in either."""
    return " ".join(without_unknown(heading, ())[0].split())


def _numbers(body: str, role: SectionRole, results: ExperimentResults | None) -> list[NumberCheck]:
    manuscript = Manuscript(title="", abstract="", sections=(Section(heading="section", body=body, role=role),))
    wanted = {"unbound", "wrong_rounding", "unknown_id"}
    # A section that reports no results may state numbers of its own: a year, a number of layers.
    reporting = role in {"results", "discussion", "conclusion"}
    return [
        n
        for n in check_numbers(manuscript, results, _stated(results))
        if n.status in wanted and (reporting or n.status != "unbound")
    ]


def without_unknown(body: str, keys: Collection[str]) -> tuple[str, list[str]]:
    """Take unknown keys out of citation commands; a command that is left without any goes as a whole."""
    scan = scan_latex(body)
    unknown = sorted({use.key for use in cite_uses(scan)} - set(keys))
    if not unknown:
        return body, []
    cuts: list[tuple[int, int, str]] = []
    for command in scan.commands:
        if "cite" not in command.name.lower():  # a superset of what `cite_uses` reads
            continue
        _, groups, end = scan.arguments(command, limit=1)
        if not groups:
            continue
        written = [part.strip() for part in scan.at(groups[0]).split(",") if part.strip()]
        kept = [key for key in written if key in keys or key == "*"]
        if len(kept) == len(written):
            continue
        if kept:
            cuts.append((groups[0].start, groups[0].end, ",".join(kept)))
        else:
            begin = command.start
            while begin and body[begin - 1] in " ~\n":
                begin -= 1
            cuts.append((begin, end, ""))
    for start, end, put in reversed(cuts):
        body = body[:start] + put + body[end:]
    return body, [f"dropped a citation of {key!r}, which the bibliography does not have" for key in unknown]


def _rounded(body: str, results: ExperimentResults | None) -> tuple[str, list[str]]:
    """Put the measured value in the place of a wrong rounding of it."""
    wrong = {(n.measurement, n.shown) for n in _numbers(body, "results", results) if n.status == "wrong_rounding"}
    reports: list[str] = []
    for use in reversed(measured_uses(body)):
        measurement = results.measurement(use.id) if results else None
        if measurement is None or (use.id, use.shown) not in wrong:
            continue
        right = printed(measurement.value)
        body = f"{body[: use.start]}\\measured{{{use.id}}}{{{right}}}{body[use.end :]}"
        reports.append(f"put {right} in the place of {use.shown}, which is no right rounding of {use.id}")
    return body, reports


def _without(text: str, shown: str, measurement: str | None) -> tuple[str, str]:
    """Drop the sentence that shows a number, or the number alone where little else would be left."""
    scan = scan_latex(text)
    start, end = _place(text, scan.text, shown, measurement)
    if start < 0:
        return text, ""
    span = span_at(sentence_spans(scan.text), start)
    if span is not None and span.end - span.start < len(text) // 2:
        start, end = span.start, span.end
    return (text[:start] + text[end:]).strip(), " ".join(text[start:end].split())


def _place(text: str, typeset: str, shown: str, measurement: str | None) -> tuple[int, int]:
    """Return where a number is shown, with its binding; -1 where it is not found."""
    if measurement is not None:
        return next(
            ((use.start, use.end) for use in measured_uses(text) if (use.id, use.shown) == (measurement, shown)),
            (-1, -1),
        )
    found = re.search(rf"(?<![\w.]){re.escape(shown)}(?![\w])", typeset)
    at = found.start() if found else typeset.find(shown)
    return at, at + len(shown)


def _stated(results: ExperimentResults | None) -> str:
    """Return what experiments say of themselves: numbers of their design are no results."""
    if results is None:
        return ""
    said = [f"{experiment.question} {experiment.method}" for experiment in results.experiments]
    groups = {measurement.group for measurement in results.measurements if measurement.group}
    return " ".join([*said, *(number for group in sorted(groups) for number in re.findall(r"[0-9.]*[0-9]", group))])
