"""What to do about a study program that failed."""

from __future__ import annotations

import re

from peercycle.agents.policies.extractive.planning import STUDY
from peercycle.core.base import JSON
from peercycle.core.experiments import Experiment

LEAST_PERMUTATIONS = 199
LEAST_RESAMPLES = 5
_DRAWING = re.compile(r"matplotlib|savefig|font|backend|freetype", re.IGNORECASE)
_TOO_MUCH = re.compile(r"timeout|oom|memory|killed|SIGKILL|SIGXCPU", re.IGNORECASE)


def mended(experiment: Experiment, failure: str) -> Experiment | None:
    """Return the study without its figure, or with half the resampling, by what it failed of; else None.

    A study whose parameters cannot make it cheaper is given up; so is the user's own, which is not ours to change.
    """
    if experiment.id == STUDY:
        return None
    if _DRAWING.search(failure) and experiment.parameters.get("figure_seed") is not None:
        return experiment.model_copy(
            update={"parameters": {**experiment.parameters, "figure_seed": None}, "outputs": ()}
        )
    if not _TOO_MUCH.search(failure):
        return None
    cheaper: dict[str, JSON] = dict(experiment.parameters)
    for name, least in (
        ("permutations", LEAST_PERMUTATIONS),
        ("resamples", LEAST_RESAMPLES),
        ("most_works", 100),
        ("repeats", 2),
    ):
        value = cheaper.get(name)
        if isinstance(value, int) and value > least:
            cheaper[name] = max(least, value // 2)
    return experiment.model_copy(update={"parameters": cheaper}) if cheaper != experiment.parameters else None
