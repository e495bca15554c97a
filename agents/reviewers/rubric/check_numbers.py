"""Checks of a paper's numbers against the measurements that it was submitted with."""

from __future__ import annotations

import re
from collections.abc import Mapping

from peercycle.agents.reviewers.rubric.findings import Fault, Finding, not_given
from peercycle.agents.reviewers.rubric.inspection import Inspection, without_results
from peercycle.agents.reviewers.rubric.prose import plain
from peercycle.agents.reviewers.rubric.units import flat, unit_pattern
from peercycle.core.experiments import ExperimentResults, Measurement
from peercycle.core.failures import failed_executions, final_executions, kinds_of
from peercycle.core.numerals import is_percentage
from peercycle.core.writing import NumberCheck

_SHOWS = frozenset({"bound", "simulated", "by_value"})
_NO_UNIT = frozenset(
    {"", "1", "ratio", "fraction", "share", "probability", "score", "count", "none", "dimensionless"}
)


def numbers_match(i: Inspection) -> Finding:
    """Every binding shows a right rounding of a measurement that exists."""
    name = "numbers-match-measurements"
    if i.results is None:
        return without_results(i, name)
    bindings = [n for n in i.numbers if n.status not in {"unbound", "by_value"}]
    wrong = [n for n in bindings if n.status in {"wrong_rounding", "unknown_id"}]
    faults = tuple(
        Fault(f"{n.shown!r} is bound to {n.measurement!r}: {n.detail or n.status}", n.where) for n in wrong
    )
    if not bindings:
        return Finding(name, f"0 of {len(i.results.measurements)} measurements are shown by a binding", credit=0.0)
    return Finding(name, f"{len(bindings) - len(wrong)} of {len(bindings)} bindings show their measurement", faults)


def numbers_are_bound(i: Inspection) -> Finding:
    """Numbers in abstract, results and tables say which measurement they rest on."""
    name = "numbers-have-sources"
    if i.results is None:
        return without_results(i, name)
    bound = {n.measurement for n in i.numbers if n.status in {"bound", "simulated"}}
    by_value = [n for n in i.numbers if n.status == "by_value" and not _is_small_count(n)]
    loose = [n for n in i.numbers if n.status == "unbound" and not _is_small_count(n)]
    all_ = len(bound) + len(by_value) + len(loose)
    credit = (len(bound) + 0.5 * len(by_value)) / all_ if all_ else 0.0
    listed = ", ".join(f"{n.shown} ({n.where})" for n in loose[:5])
    evidence = (
        f"{len(bound)} measurements are bound; {len(by_value)} numbers are found by value alone; {len(loose)} "
        f"rest on "
        f"nothing submitted{': ' + listed if listed else ''}"
    )
    return Finding(name, evidence, credit=credit)


def _is_small_count(n: NumberCheck) -> bool:
    """Tell whether a number might as well be written as a word, in which no binding is looked for."""
    return n.shown.isdigit() and int(n.shown) <= LARGEST_IN_WORDS


LARGEST_IN_WORDS = 20


def results_are_shown(i: Inspection) -> Finding:
    """What was measured is reported: a paper that drops its numbers loses by it."""
    name = "results-are-shown"
    results = i.results
    if results is None:
        return without_results(i, name)
    by_id = {m.id: m for m in results.measurements}
    shown = [m for n in i.numbers if n.status in _SHOWS and n.measurement and (m := by_id.get(n.measurement))]
    experiments = {m.experiment for m in results.measurements}
    arms = {_arm(m) for m in results.measurements}
    reported = {m.experiment for m in shown}
    arms_shown = {_arm(m) for m in shown}
    distinct = {m.id for m in shown}
    reportable = _reportable(results)
    share = len(distinct & reportable) / len(reportable) if reportable else 0.0
    credit = 0.5 * len(reported) / len(experiments) + 0.3 * len(arms_shown) / len(arms) + 0.2 * min(1.0, share)
    missing = sorted(experiments - reported)
    faults = tuple(Fault(f"experiment {e!r} was run, but none of its measurements is shown") for e in missing)
    evidence = (
        f"{len(reported)} of {len(experiments)} experiments, {len(arms_shown)} of {len(arms)} metrics by arm and "
        f"{len(distinct & reportable)} of {len(reportable)} summary measurements are shown"
    )
    return Finding(name, evidence, faults, credit)


def _arm(m: Measurement) -> tuple[str, str, str]:
    return m.experiment, m.metric, m.group or ""


def _reportable(results: ExperimentResults) -> set[str]:
    """Return the measurements that a paper would print: those over seeds, or all where there are none such."""
    over = {m.id for m in results.measurements if m.derived is not None and m.derived.statistic != "n"}
    return over or {m.id for m in results.measurements}


def failed_runs_are_told(i: Inspection) -> Finding:
    """Executions that failed are mentioned."""
    name = "failed-runs-are-told"
    results = i.results
    failed = failed_executions(results.executions) if results else []
    if results is None or not failed:
        return not_given(name, "no execution that failed was submitted")
    said = [p.heading for p in i.paper.parts if _FAILED.search(p.prose)]
    kinds, final = kinds_of(failed), len(final_executions(results.executions))
    evidence = f"{len(failed)} of {final} executions failed ({kinds}); {len(said)} sections say so"
    fault = Fault(f"{len(failed)} executions failed ({kinds}), which the paper does not say")
    return Finding(name, evidence, () if said else (fault,))


_FAILED = re.compile(
    r"\b(?:fail|crash|did not (?:finish|complete)|time[ds]?[ -]?out|out of memory|abort|exclud)", re.I
)


def units_are_shown(i: Inspection) -> Finding:
    """A section that shows measurements with a unit names it after one of them, or in a heading."""
    name = "units-are-shown"
    results = i.results
    if results is None:
        return not_given(name, "no measurements were submitted")
    by_id = {m.id: m for m in results.measurements}
    units: dict[str, list[NumberCheck]] = {}
    for n in i.numbers:
        unit = (by_id[n.measurement].unit or "") if n.measurement in by_id else ""
        if n.status in {"bound", "simulated"} and unit.strip().lower() not in _NO_UNIT and not is_percentage(unit):
            units.setdefault(unit, []).append(n)
    if not units:
        return not_given(name, "no bound measurement has a unit")
    texts = _texts(i)
    places = {(unit, n.where): tuple(m.shown for m in found if m.where == n.where) for unit, found in units.items()
              for n in found}  # fmt: skip
    lost = [place for place, shown in places.items() if not _says(texts.get(place[1], ""), shown, place[0])]
    faults = tuple(Fault(f"{places[u, w][0]!r} is shown without its unit {u!r}", w) for u, w in lost)
    evidence = f"{len(places) - len(lost)} of {len(places)} times a section that shows numbers with a unit names it"
    return Finding(name, evidence, faults)


def _texts(i: Inspection) -> Mapping[str, str]:
    manuscript = i.paper.manuscript
    if manuscript is None:
        return {}
    found = {"abstract": manuscript.abstract, "title": manuscript.title}
    for section in manuscript.sections:
        found[section.heading] = found.get(section.heading, "") + section.body
    return {where: flat(plain(re.sub(r"\\measured\s*\{[^{}]*\}", "", text))) for where, text in found.items()}


def _says(text: str, shown: tuple[str, ...], unit: str) -> bool:
    """Tell whether a unit follows one of some numbers within a few words, or stands in brackets as in a heading."""
    name = f"(?:{unit_pattern(unit)})"
    if re.search(rf"[(\[]\s?{name}\s?[)\]]|\bin (?:[a-z]+ )?{name}\b", text, re.IGNORECASE):
        return True
    numbers = "|".join(re.escape(plain(number)) for number in shown)
    return re.search(rf"(?<![\d.])(?:{numbers})[^.\n]{{0,30}}?\s?{name}(?![A-Za-z])", text) is not None
