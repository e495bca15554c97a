"""The studies of the first draft."""

from __future__ import annotations

from peercycle.agents.policies.extractive.notes import Notes
from peercycle.agents.policies.extractive.planning import (
    STUDY,
    applicable,
    bibliography_experiment,
    first_seed,
    numeric_experiment,
    user_experiment,
)
from peercycle.agents.policies.extractive.settings import ExtractiveSettings
from peercycle.core.contracts import Work
from peercycle.core.experiments import Experiment, ExperimentPlan

NO_EXPERIMENTS = "this run has no experiments"


def draft_plan(work: Work, notes: Notes, settings: ExtractiveSettings, run_seed: int) -> tuple[ExperimentPlan, Notes]:
    """Return the user's study first, a numerical one where the topic calls for it, and the studies of the list."""
    if not work.experiments_run:
        return ExperimentPlan(declined=NO_EXPERIMENTS), notes
    start = first_seed(run_seed)
    seeds = tuple(range(start, start + settings.draft_seeds))
    planned: list[Experiment] = []
    if work.task.study is not None:
        planned.append(user_experiment(work.task.study, seeds, settings))
    if notes.numeric is not None and notes.numeric.added:
        planned.append(numeric_experiment(notes.numeric.study, seeds, settings))
    if notes.corpus is not None:
        planned += [bibliography_experiment(name, notes, seeds, start, settings) for name in applicable(notes)]
    names = tuple(experiment.id for experiment in planned)
    notes = notes.model_copy(update={"planned": names, "seeds": dict.fromkeys(names, seeds)})
    if not planned:
        return ExperimentPlan(declined=notes.declined or "the list bears none of the studies"), notes
    reasons = ["The supplied study is run first and reported first."] if STUDY in names else []
    reasons += [f"No study of the list: {notes.declined}."] if notes.declined else []
    if notes.declined is None:
        reasons.append("The studies are on the list itself, so they fit any topic.")
    return ExperimentPlan(experiments=tuple(planned), rationale=" ".join(reasons)), notes
