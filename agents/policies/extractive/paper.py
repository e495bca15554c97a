"""The whole paper, a pure function of its material."""

from __future__ import annotations

from peercycle.agents.policies.extractive.material import Material
from peercycle.agents.policies.extractive.planning import STUDY
from peercycle.agents.policies.extractive.sections.background import background
from peercycle.agents.policies.extractive.sections.closing import abstract, conclusion
from peercycle.agents.policies.extractive.sections.discussion import discussion
from peercycle.agents.policies.extractive.sections.limitations import limitations
from peercycle.agents.policies.extractive.sections.mapping import appendix, the_map
from peercycle.agents.policies.extractive.sections.method import method
from peercycle.agents.policies.extractive.sections.opening import introduction, title
from peercycle.agents.policies.extractive.sections.result_metrics import figure_name
from peercycle.agents.policies.extractive.sections.results import results
from peercycle.core.writing import Figure, Manuscript

_ALT = {
    "stability": "Adjusted Rand indices of bootstrap samples, with the works as they are and with words shuffled.",
    "retrieval": "Share of titles whose abstract is among the first k, by BM25 and by TF-IDF.",
    "trends": "Bars: mean year of the works that use a word minus that of the others.",
    "gaps": "Grid of words, shaded by the number of works that use both.",
}


def compose(m: Material) -> Manuscript:
    """Return the manuscript that the material supports."""
    sections = (
        introduction(m),
        background(m),
        method(m),
        the_map(m),
        results(m),
        discussion(m),
        limitations(m),
        conclusion(m),
        appendix(m),
    )
    return Manuscript(
        title=title(m),
        abstract=abstract(m),
        sections=tuple(section for section in sections if section is not None),
        figures=_figures(m),
    )


def _figures(m: Material) -> tuple[Figure, ...]:
    if not m.concluded:
        return ()
    found: list[Figure] = []
    for name in m.reported:
        for run, file in m.findings.files(name):
            if file.path == f"{name}.png":
                found.append(Figure(file=file.path, artifact=file.artifact, alt=_ALT[name], execution=run.id))
    if m.ran(STUDY):
        found += [
            Figure(
                file=figure_name(file.path),
                artifact=file.artifact,
                alt=f"A figure of the supplied study: {file.path}.",
                execution=run.id,
            )
            for run, file in m.findings.files(STUDY)[:3]
        ]
    return tuple(found)
