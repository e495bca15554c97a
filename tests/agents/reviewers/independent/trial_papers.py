"""The papers of the trial: four manuscripts with results, and one plain LaTeX document.

All five were written by hand for this trial, with different habits of LaTeX. The works that they cite, and the
numbers that they report, are made up: no title, venue or abstract is that of a real publication.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast, get_args

from peercycle.core.base import artifact_ref
from peercycle.core.bindings import check_manuscript
from peercycle.core.experiments import Execution, Experiment, ExperimentResults, Measurement
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.reviews import Submission
from peercycle.core.writing import Figure, Manuscript, Section, SectionRole
from peercycle.graphs.stages.results import derive

FOLDER = Path(__file__).resolve().parent / "papers"
MANUSCRIPTS = ("sorting", "soil", "fluency", "cracks")
PLAIN = "crust"
PAPERS = (*MANUSCRIPTS, PLAIN)
TOPICS = {
    "sorting": "quicksort pivots for nearly ordered input",
    "soil": "adaptive reporting of soil moisture probes",
    "fluency": "repeated reading and reading fluency of pupils",
    "cracks": "crack detection on bridge decks with small networks",
    "crust": "oven humidity and the colour of bread crust",
}


@dataclass(frozen=True, slots=True)
class Paper:
    """A sound paper of the trial, before anybody edits it."""

    name: str
    submission: Submission


@cache
def paper(name: str) -> Paper:
    """Return a paper of the trial by its name."""
    works = _json(f"{name}.works.json")
    bibliography = Bibliography(entries=tuple(Reference.model_validate(work) for work in works))
    source = (FOLDER / f"{name}.tex").read_text(encoding="utf-8")
    if name == PLAIN:
        return Paper(name, Submission(topic=TOPICS[name], text=source, bibliography=bibliography))
    submission = Submission(
        topic=TOPICS[name], manuscript=_manuscript(source), bibliography=bibliography, results=_results(name)
    )
    return Paper(name, checked(submission))


def checked(submission: Submission) -> Submission:
    """Return the submission with the check report that the check stage would attach to it."""
    if submission.manuscript is None:
        return submission
    report = check_manuscript(submission.manuscript, submission.results, submission.bibliography, submission.topic)
    return submission.model_copy(update={"check": report})


def _json(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def _manuscript(source: str) -> Manuscript:
    parts = re.split(r"(?m)^%% (.+)\n", source)[1:]
    found = {title: body.strip() for title, body in zip(parts[::2], parts[1::2], strict=True)}
    sections: list[Section] = []
    for title, body in found.items():
        if " | " in title:
            role, heading = title.split(" | ")
            assert role in get_args(SectionRole), role
            sections.append(Section(heading=heading, body=body, role=cast(SectionRole, role)))
    files = re.findall(r"\{figures/([^}]+)\}", source)
    figures = tuple(Figure(file=file, artifact=artifact_ref(file.encode()), alt=f"Plot {file}") for file in files)
    return Manuscript(title=found["title"], abstract=found["abstract"], sections=tuple(sections), figures=figures)


def _results(name: str) -> ExperimentResults:
    data = _json(f"{name}.results.json")
    experiment = Experiment(id=data["experiment"], question=TOPICS[name], script="main()\n", seeds=(0, 1, 2, 3, 4))
    raw: list[Measurement] = []
    for index, series in enumerate(data["series"]):
        for seed, value in enumerate(series["values"]):
            raw.append(
                Measurement(
                    id=f"{experiment.id}.{series['metric']}.{series['group']}.s{seed}",
                    metric=series["metric"],
                    group=series["group"],
                    unit=series["unit"],
                    value=value,
                    experiment=experiment.id,
                    seed=seed,
                    execution=f"{experiment.id}-{seed}",
                    artifact=artifact_ref(f"{name}{seed}".encode()),
                    pointer=f"/measurements/{index}/value",
                )
            )
    executions = tuple(
        Execution(
            id=f"{experiment.id}-{seed}",
            experiment=experiment.id,
            seed=seed,
            status="ok",
            exit_code=0,
            script=artifact_ref(experiment.script.encode()),
            results=artifact_ref(f"{name}{seed}".encode()),
        )
        for seed in experiment.seeds
    )
    return ExperimentResults(executions=executions, measurements=(*raw, *derive(raw)), experiments=(experiment,))
