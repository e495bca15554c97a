"""What is called significant in one sentence, against the p-values and intervals beside it and what was measured."""

from __future__ import annotations

import re
from decimal import Decimal

from peercycle.agents.reviewers.rubric.prose import REF
from peercycle.agents.reviewers.rubric.quantities import P_VALUE, intervals, probability
from peercycle.core.experiments import ExperimentResults

_NOT_SIGNIFICANT = re.compile(
    r"\b(?:not|no|non|never|neither|without|fail\w*|nor|insignificant|n['’]t|lack\w*)\b[^.;]{0,50}significan|"
    r"\b(?:insignificant|non-?significant)|significance (?:was|is) not",
    re.IGNORECASE,
)
_P_METRIC = re.compile(r"(?:^|[^A-Za-z])p(?:[^A-Za-z]|$|[-_ ]?val)", re.IGNORECASE)
"""A metric that is a p-value by its name: `p`, `adjusted_p`, `p_value`."""


def significance_fault(line: str, around: str) -> str:
    """Return what is wrong with a sentence that speaks of significance, given its neighbours; "" for nothing."""
    negated = _NOT_SIGNIFICANT.search(line) is not None
    p_values = [m for m in P_VALUE.finditer(line) if m.group("relation") or "of" in m.group().lower()]
    if p_values:
        small = [is_small(m) for m in p_values]
        if negated and all(small):
            return "called not significant with a small p-value"
        return "called significant with a large p-value" if not negated and not any(small) else ""
    spans = [s for s in intervals(line) if s.low is not None and s.high is not None]
    if len(spans) == 1 and not negated and (spans[0].low or 0.0) < 0 < (spans[0].high or 0.0):
        return "called significant beside an interval that holds zero"
    if len(spans) == 1 and re.search(
        r"\b(?:difference|effect|change|gain|coefficient|slope|correlation)", line, re.I
    ):
        low, high = spans[0].low or 0.0, spans[0].high or 0.0
        if (low <= 0 <= high) != negated:
            return "the interval says the opposite"
    if spans or intervals(around) or P_VALUE.search(around) or REF in line:
        return ""
    return "no test, interval or p-value stands beside it"


def is_small(p: re.Match[str]) -> bool:
    """Tell whether what `P_VALUE` found is 0.05 or less."""
    return p.group("relation") not in {">", "≥"} and probability(p) <= Decimal("0.05")


def unmeasured_p(line: str, results: ExperimentResults | None) -> bool:
    """Tell whether a sentence states a p-value, and the results that came with the paper hold none like it."""
    if results is None:
        return False
    found = [m for m in results.measurements if m.derived is None or m.derived.statistic == "mean"]
    values = [Decimal(repr(m.value)) for m in found if _P_METRIC.search(m.metric)]
    return any(not any(_is_like(p, value) for value in values) for p in P_VALUE.finditer(line))


def _is_like(p: re.Match[str], value: Decimal) -> bool:
    """Tell whether a measured value is within a stated bound, or rounds to the digits that are shown."""
    stated = probability(p)
    if (relation := p["relation"] or "=") in "<≤":
        return value <= stated
    if relation in ">≥":
        return value >= stated
    exponent = stated.as_tuple().exponent
    assert isinstance(exponent, int)
    return abs(value - stated) <= Decimal("0.51").scaleb(exponent)
