"""What every check is handed."""

from __future__ import annotations

from dataclasses import dataclass

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
    """Of our own manuscripts; empty for a paper as text."""

    @property
    def results(self) -> ExperimentResults | None:
        """The results that one of our manuscripts came with; None where nothing was measured."""
        results = self.submission.results
        if self.paper.manuscript is None or results is None or not results.measurements:
            return None
        return results
