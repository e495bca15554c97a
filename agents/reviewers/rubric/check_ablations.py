"""The check that experiments are set beside themselves with a part of the method left out."""

from __future__ import annotations

from peercycle.agents.reviewers.rubric.check_uncertainty import is_variant
from peercycle.agents.reviewers.rubric.findings import Fault, Finding, not_given
from peercycle.agents.reviewers.rubric.inspection import Inspection
from peercycle.core.experiments import ExperimentResults

SEVERAL = 2
"""Of fewer programs it is not asked: a single one is the author's own, and cannot be taken apart from outside."""
ENOUGH = 0.5
"""The share of the programs with an ablation at which a first suggestion is no longer made."""


def ablations_are_run(i: Inspection) -> Finding:
    """Experiments were run again with a part of their method left out; those that were not are suggested.

    Asked again is only of those that are left after an answer: what nobody could do does not return.
    """
    name = "ablations-are-run"
    results = i.results
    scripts = {e.script for e in results.experiments} if results else set[str]()
    if results is None or len(scripts) < SEVERAL:
        return not_given(name, "fewer than two programs were run")
    whole = _without_variant(results)
    share = 1 - len(whole) / len(scripts)
    listed = ", ".join(repr(e) for e in whole)
    evidence = f"{len(scripts) - len(whole)} of {len(scripts)} programs were run with a part of the method left out"
    text = f"not run with a part of the method left out, so that nobody sees what its figures rest on: {listed}"
    suggestions = (Fault(text, None, "evidence"),) if whole and _is_asked(i, name, whole, share) else ()
    return Finding(name, evidence, credit=0.8 + 0.2 * share, suggestions=suggestions)


def _without_variant(results: ExperimentResults) -> list[str]:
    taken_apart = {e.script for e in results.experiments if is_variant(e.id, results)}
    return sorted(e.id for e in results.experiments if e.script not in taken_apart)


def _is_asked(i: Inspection, name: str, whole: list[str], share: float) -> bool:
    points = i.submission.earlier[-1].points if i.submission.earlier else ()
    asked = [p.text for p in points if p.check == name]
    if asked:
        listed = asked[0].rpartition(": ")[2].split(", ")
        return len(listed) > len(whole)
    return share < ENOUGH
