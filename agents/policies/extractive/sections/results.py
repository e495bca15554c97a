"""Results: the supplied study first, then what was measured on the list."""

from __future__ import annotations

from peercycle.agents.policies.extractive.latex import paragraphs
from peercycle.agents.policies.extractive.material import Material
from peercycle.agents.policies.extractive.planning import STUDY
from peercycle.agents.policies.extractive.sections import (
    result_ablations,
    result_gaps,
    result_metrics,
    result_retrieval,
    result_stability,
    result_trends,
)
from peercycle.core.writing import Section


def results(m: Material) -> Section | None:
    """Return the results, or None where nothing was run or nothing is concluded yet."""
    if not m.concluded:
        return None
    parts: list[str] = []
    if m.ran(STUDY):
        parts += [f"\\subsection{{The supplied study}}\n\n{result_metrics.supplied(m)}"]
    numeric = m.notes.numeric
    if numeric is not None and m.ran(numeric.study):
        parts += [f"\\subsection{{The numerical study}}\n\n{result_metrics.numerical(m, numeric.study)}"]
    writers = {
        "stability": ("Cluster stability", result_stability.stability),
        "retrieval": ("Retrieval", result_retrieval.retrieval),
        "trends": ("Trends", result_trends.trends),
        "gaps": ("Gaps", result_gaps.gaps),
    }
    for name in m.reported:
        heading, writer = writers[name]
        parts.append(f"\\subsection{{{heading}}}\n\n{writer(m)}")
    if m.ablations:
        parts.append(f"\\subsection{{Ablations}}\n\n{result_ablations.ablations(m)}")
    if not parts:
        return None
    first = "The supplied study comes first. " if m.ran(STUDY) else ""
    lead = f"{first}Each study is reported on its own; brackets after a mean hold its 95\\% interval over seeds."
    return Section(heading="Results", role="results", body=paragraphs(lead, *parts))
