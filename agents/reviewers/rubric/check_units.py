"""The check that a number has one unit wherever it stands."""

from __future__ import annotations

import re
from collections import defaultdict

from peercycle.agents.reviewers.rubric.findings import Fault, Finding, nothing_there
from peercycle.agents.reviewers.rubric.inspection import Inspection
from peercycle.agents.reviewers.rubric.prose import plain
from peercycle.agents.reviewers.rubric.units import flat, unit_pattern

_DIMENSIONS = (
    {"ms": "ms milliseconds millisecond", "s": "s sec second seconds", "min": "min minute minutes", "h": "h hr hour hours",
     "d": "day days", "week": "week weeks", "year": "year years", "us": "µs us microseconds"},
    {"t/ha": "t/ha", "kg/ha": "kg/ha", "g/ha": "g/ha"},
    {"°C": "°C", "°F": "°F", "K": "K"},
    {"mm": "mm millimetres", "cm": "cm centimetres", "m": "m metre metres meters", "km": "km kilometres kilometers"},
    {"mg": "mg", "g": "g grams", "kg": "kg kilograms"},
    {"thousand": "thousand", "million": "million", "billion": "billion"},
)  # fmt: skip
_UNITS = {spelling: (n, unit) for n, units in enumerate(_DIMENSIONS) for unit, names in units.items()
          for spelling in names.split()}  # fmt: skip
_AFTER = re.compile(rf"\s?(?P<unit>{'|'.join(sorted(map(re.escape, _UNITS), key=len, reverse=True))})(?![\w/°])")
_NUMBER = re.compile(r"(?<![\w.])\d+\.\d+")
_SHOWN = re.compile(r"\\measured\s*\{([^{}]*)\}\s*\{([^{}]*)\}")


def units_agree(i: Inspection) -> Finding:
    """A number that stands in several places is followed by one unit, and a bound one by its measurement's."""
    name = "units-agree"
    said: dict[tuple[str, int], set[str]] = defaultdict(set)
    for part in i.paper.parts:
        for line in part.sentences if part.role not in {"related", "references", "aside"} else ():
            for number, units in _units_of(line).items():
                # A sentence that gives one number in two units speaks of two things: `0.5 mm wide and 0.5 m long`.
                for unit in units if len(units) == 1 else ():
                    said[number].add(unit)
    faults = [Fault(f"{number} is given in {' and in '.join(sorted(units))}") for (number, _), units in said.items()
              if len(units) > 1]  # fmt: skip
    faults += [Fault(text) for text in _other_than_measured(i)]
    if not said and not faults:
        return nothing_there(name, "no number with decimals is followed by a unit", absent=1.0)
    return Finding(name, f"{len(said)} numbers with a unit, {len(faults)} in two", tuple(faults))


def _units_of(line: str) -> dict[tuple[str, int], set[str]]:
    """Return the units behind each number of a sentence, by the number and their dimension."""
    found: dict[tuple[str, int], set[str]] = defaultdict(set)
    for m in _NUMBER.finditer(line):
        if unit := _AFTER.match(line, m.end()):
            dimension, known = _UNITS[unit.group("unit")]
            found[m.group(), dimension].add(known)
    return found


def _other_than_measured(i: Inspection) -> list[str]:
    """Find bound numbers right before a unit of the same kind that is not their measurement's."""
    by_id = {m.id: m for m in i.results.measurements} if i.results else {}
    text = i.paper.scan.text
    faults: list[str] = []
    for m in _SHOWN.finditer(text):
        measured = by_id.get(m.group(1).strip().replace("\\_", "_"))
        after = flat(plain(text[m.end() : m.end() + 40]))
        unit = _AFTER.match(f" {after}")
        if measured is None or not measured.unit or unit is None:
            continue
        known = _UNITS.get(measured.unit)
        if known and known[0] == _UNITS[unit["unit"]][0] and not re.match(unit_pattern(measured.unit), after):
            faults.append(f"{m.group(2)!r} was measured in {measured.unit}, and is given in {unit['unit']}")
    return faults
