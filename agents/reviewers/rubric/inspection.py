"""What every check is handed."""

from __future__ import annotations

from dataclasses import dataclass

from peercycle.agents.reviewers.rubric.citing import Cited
from peercycle.agents.reviewers.rubric.findings import Fault, Finding, not_given
from peercycle.agents.reviewers.rubric.paper import Paper
from peercycle.core.experiments import ExperimentResults
from peercycle.core.reviews import Submission
from peercycle.core.writing import NumberCheck


@dataclass(frozen=True, slots=True)
class Inspection:
    """A paper, what it was submitted with, and what its numbers rest on."""

    paper: Paper
    submission: Submission
    numbers: tuple[NumberCheck, ...]
    """Of our own manuscripts; empty for a paper as text. Right bindings in bare lists of numbers are left out."""
    cited: Cited
    together: tuple[frozenset[str], ...] = ()
    """The measurements that each paragraph and each table binds numbers to."""

    @property
    def results(self) -> ExperimentResults | None:
        """The results that one of our manuscripts came with; None where nothing was measured."""
        results = self.submission.results
        if self.paper.manuscript is None or results is None or not results.measurements:
            return None
        return results

    @property
    def dangling(self) -> int:
        """How many measurements numbers are bound to although none was submitted.

        An exported document defines the command itself; there the measurements are only not at hand.
        """
        if self.results is not None or "\\newcommand{\\measured}" in (self.submission.text or ""):
            return 0
        known = {m.id for m in self.submission.results.measurements} if self.submission.results else set()
        return len(frozenset().union(*self.together) - known)


def without_results(i: Inspection, check: str) -> Finding:
    """Return the finding of a check of measurements where there are none: numbers bound to nothing are faults."""
    if not i.dangling:
        return not_given(check, "no measurements were submitted")
    text = f"numbers are bound to {i.dangling} measurements, and no results were submitted"
    return Finding(check, text, (Fault(text, None, "evidence"),), 0.0)
