"""What changes where a part of the method is left out."""

from __future__ import annotations

from peercycle.agents.policies.extractive.latex import join, paragraphs, table
from peercycle.agents.policies.extractive.material import Material
from peercycle.agents.policies.extractive.planning import base_of
from peercycle.agents.policies.extractive.sections import result_gaps, result_trends

_WITHOUT = {"all-words": "stop words kept", "no-titles": "titles left out"}


def ablations(m: Material) -> str:
    """Return the subsection's text."""
    rows = [row for name in m.ablations for row in _rows(m, name)]
    if not rows:
        return join(*(_sentence(m, name) for name in m.ablations))
    before = m.findings.column([(base_of(name), metric, group) for _, name, metric, group in rows])
    after = m.findings.column([(name, metric, group) for _, name, metric, group in rows])
    cells = [
        (shown, _WITHOUT[name.partition("-")[2]], one, other, m.findings.number_of_seeds(name, metric, group))
        for (shown, name, metric, group), one, other in zip(rows, before, after, strict=True)
    ]
    return paragraphs(
        join(
            "Table~\\ref{tab:ablations} sets studies beside the same studies with a part of the method changed.",
            *(_sentence(m, name) for name in m.ablations),
        ),
        table(
            "Studies as described and with one part changed: means with 95\\% intervals over seeds, and the number of "
            "seeds of the changed one.",
            "tab:ablations",
            "llrrr",
            ("Figure", "Change", "As described", "Changed", "Seeds"),
            cells,
        ),
    )


def _rows(m: Material, name: str) -> list[tuple[str, str, str, str | None]]:
    """Return the figures of an ablation that a table sets side by side: name, experiment, metric, group."""
    base = base_of(name)
    figures: dict[str, tuple[tuple[str, str, str | None], ...]] = {
        "retrieval": (("MRR, BM25", "mrr", "BM25"), ("MRR, TF-IDF", "mrr", "TF-IDF")),
        "stability": (("Adjusted Rand index", "adjusted_rand", "observed"),),
    }
    return [
        (shown, name, metric, group)
        for shown, metric, group in figures.get(base, ())
        if m.findings.value(base, metric, group) is not None and m.findings.value(name, metric, group) is not None
    ]


def _sentence(m: Material, name: str) -> str:
    base = base_of(name)
    if base == "retrieval":
        return _moved(m, name, "mrr", "BM25", "With stop words kept, BM25's mean reciprocal rank")
    if base == "stability":
        return _moved(m, name, "adjusted_rand", "observed", "With stop words kept, agreement with the map")
    if base == "trends":
        before, after = result_trends.shifted(m), result_trends.shifted(m, name)
        same = sorted(before[0] + before[1]) == sorted(after[0] + after[1])
    else:
        same = sorted(result_gaps.below_chance(m)) == sorted(result_gaps.below_chance(m, name))
    what = "words shift" if base == "trends" else "pairs fall below chance"
    return f"Counting words in abstracts alone {'does not change' if same else 'changes'} which {what}."


def _moved(m: Material, name: str, metric: str, group: str, subject: str) -> str:
    before, after = m.findings.value(base_of(name), metric, group), m.findings.value(name, metric, group)
    if before is None or after is None:
        return ""
    one, other = m.findings.ends(base_of(name), metric, group), m.findings.ends(name, metric, group)
    if one is None or other is None:
        return f"{subject} was taken with too few seeds for an interval, so no change can be judged."
    if one[0] <= other[1] and other[0] <= one[1]:
        return f"{subject} does not change by more than the intervals over seeds cover."
    return f"{subject} is {'higher' if after > before else 'lower'}, and the intervals over seeds do not overlap."
