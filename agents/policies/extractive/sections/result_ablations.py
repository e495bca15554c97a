"""What changes where a part of the method is left out."""

from __future__ import annotations

from peercycle.agents.policies.extractive.findings import p_digits, tested_groups
from peercycle.agents.policies.extractive.latex import join, paragraphs, table
from peercycle.agents.policies.extractive.material import Material
from peercycle.agents.policies.extractive.planning import base_of
from peercycle.agents.policies.extractive.prose import listed
from peercycle.agents.policies.extractive.sections import result_gaps, result_trends
from peercycle.agents.policies.extractive.sections.result_retrieval import SYSTEMS

_WITHOUT = {"all-words": "stop words kept", "no-titles": "titles left out"}
_QUANTITIES: dict[str, tuple[tuple[str, str, str | None], ...]] = {
    "retrieval": (
        ("MRR, BM25", "mrr", "BM25"),
        ("MRR, TF-IDF", "mrr", "TF-IDF"),
        ("MRR, BM25 minus TF-IDF", "mrr_difference", None),
        ("First, BM25", "recall_at_1", "BM25"),
        ("First, TF-IDF", "recall_at_1", "TF-IDF"),
        ("First five, BM25", "recall_at_5", "BM25"),
        ("First five, TF-IDF", "recall_at_5", "TF-IDF"),
    ),
    "stability": (
        ("Adjusted Rand index", "adjusted_rand", "observed"),
        ("Adjusted Rand index, words shuffled", "adjusted_rand", "shuffled"),
        ("Gain over shuffled words", "adjusted_rand_gain", None),
    ),
}
"""The quantities of each study that are set beside those of its ablation: name, metric, group."""

COVERED = "by more than the intervals over seeds cover"
UNCHANGED = f"does not change {COVERED}"

_DIFFERENCES = frozenset({"mrr_difference", "adjusted_rand_gain"})


def ablations(m: Material) -> str:
    """Return the subsection's text."""
    said = join(*(_sentence(m, name) for name in m.ablations), _pointers(m))
    return paragraphs(
        join(
            "Table~\\ref{tab:ablations} sets studies beside the same studies with a part changed."
            if _rows(m)
            else "",
            said,
        ),
        _side_by_side(m),
        *(_tests(m, name) for name in m.ablations),
    )


def _rows(m: Material) -> list[tuple[str, str, str, str | None]]:
    """Return the quantities that an ablation and its study both have: what is shown, ablation, metric, group."""
    rows = [(shown, name, x, g) for name in m.ablations for shown, x, g in _QUANTITIES.get(base_of(name), ())]
    return [
        row for row in rows if None not in (m.findings.value(base_of(row[1]), *row[2:]), m.findings.value(*row[1:]))
    ]


def _side_by_side(m: Material) -> str:
    rows = _rows(m)
    if not rows:
        return ""
    # One call, so that every cell of both columns shows its interval or none does.
    digits = [_digits(m, *row[1:]) for row in rows]
    cells = m.findings.column([(base_of(row[1]), *row[2:]) for row in rows] + [row[1:] for row in rows], digits * 2)
    described, changed = cells[: len(rows)], cells[len(rows) :]
    seeds = [m.findings.number_of_seeds(*row[1:]) for row in rows]
    changes = [_WITHOUT[name.partition("-")[2]] for _, name, _, _ in rows]
    return table(
        "Studies as described and with one part changed: means with 95\\% intervals over seeds, and the number of "
        "seeds of the changed one.",
        "tab:ablations",
        "llrrr",
        ("Quantity", "Change", "As described", "Changed", "Seeds"),
        list(zip([row[0] for row in rows], changes, described, changed, seeds, strict=True)),
    )


def _digits(m: Material, name: str, metric: str, group: str | None) -> int:
    """Return the decimals of a row: a difference is printed with so many that its sign is seen."""
    if metric not in _DIFFERENCES:
        return 2
    return m.findings.signed_digits((base_of(name), metric, group), (name, metric, group))


def _tested(m: Material, name: str) -> list[str]:
    """Return the words or pairs of an ablation that have a corrected p-value, in the order of the study's table."""
    base = base_of(name)
    if base not in {"trends", "gaps"}:
        return []
    first = result_trends.ranked_groups(m) if base == "trends" else result_gaps.reported_pairs(m)
    return list(dict.fromkeys((*first, *tested_groups(m.findings, name))))


def _pointers(m: Material) -> str:
    named = [f"Table~\\ref{{tab:{name}}}" for name in m.ablations if _tested(m, name)]
    return f"The corrected $p$-values are in {' and '.join(named)}." if named else ""


def _tests(m: Material, name: str) -> str:
    groups = _tested(m, name)
    if not groups:
        return ""
    base, f = base_of(name), m.findings
    cells = [(experiment, "adjusted_p", group) for experiment in (base, name) for group in groups]
    digits = p_digits(f, cells)
    described, changed = f.column(cells[: len(groups)], digits), f.column(cells[len(groups) :], digits)
    label, what = ("Word", "words") if base == "trends" else ("Pair", "pairs of words")
    shown = [m.shown_term(g) if base == "trends" else ", ".join(result_gaps.pair(m, g)) for g in groups]
    return table(
        f"Corrected $p$-values of {what}, as described and with titles left out, with 95\\% intervals over "
        "seeds. A dash stands where the word or pair was not reported.",
        f"tab:{name}",
        "lrr",
        (label, "As described", "Titles left out"),
        list(zip(shown, described, changed, strict=True)),
    )


def _sentence(m: Material, name: str) -> str:
    base = base_of(name)
    if base == "retrieval":
        systems = [_moved(m, name, "mrr", system, f"{system}'s mean reciprocal rank") for system in SYSTEMS]
        if all(said.endswith(UNCHANGED) for said in systems):
            return f"With stop words kept, neither mean reciprocal rank changes {COVERED}."
        return f"With stop words kept, {'; '.join(said for said in systems if said)}." if any(systems) else ""
    if base == "stability":
        said = _moved(m, name, "adjusted_rand", "observed", "agreement with the map")
        return f"With stop words kept, {said}." if said else ""
    if base == "trends":
        described, changed = (
            sorted([w for words in result_trends.shifted(m, x) for w in words]) for x in (base, name)
        )
        what, shown = "words pass the test of trends", [f"``{word}''" for word in changed]
    else:
        described, changed = (sorted(result_gaps.below_chance(m, x)) for x in (base, name))
        what = "pairs fall below chance"
        shown = ["``{}'' with ``{}''".format(*result_gaps.pair(m, group)) for group in changed]
    if described == changed:
        return f"Counting words in abstracts alone does not change which {what}."
    return f"Counting words in abstracts alone changes which {what}: then {listed(shown) or 'none'} {'does' if len(shown) < 2 else 'do'}."


def _moved(m: Material, name: str, metric: str, group: str, subject: str) -> str:
    before, after = m.findings.value(base_of(name), metric, group), m.findings.value(name, metric, group)
    if before is None or after is None:
        return ""
    one, other = m.findings.ends(base_of(name), metric, group), m.findings.ends(name, metric, group)
    if one is None or other is None:
        return f"{subject} was taken with too few seeds for an interval, so no change can be judged"
    if one[0] <= other[1] and other[0] <= one[1]:
        return f"{subject} {UNCHANGED}"
    figures = [m.findings.interval(name_, metric, group) for name_ in (name, base_of(name))]
    way = "higher" if after > before else "lower"
    return f"{subject} is {way}, {figures[0]} against {figures[1]}, and the intervals over seeds do not overlap"
