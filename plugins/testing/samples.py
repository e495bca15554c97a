"""A small paper with everything that belongs to it, for components to be tried on."""

from __future__ import annotations

from dataclasses import dataclass

from peercycle.core.base import artifact_ref
from peercycle.core.contracts import Edition
from peercycle.core.experiments import (
    Derivation,
    Execution,
    Experiment,
    ExperimentPlan,
    ExperimentResults,
    Measurement,
)
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.reviews import Assessment, Review, ReviewPoint, Submission
from peercycle.core.writing import Manuscript, Outline, ResearchTask, Section, SectionPlan

_TITLES = (
    ("Retrieval of sparse term vectors in large collections", "Sparse term vectors are ranked by inverse frequency."),
    ("Dense retrieval with contrastive encoders", "Encoders trained on pairs retrieve passages by inner product."),
    ("Ranking with language models", "A language model reorders what a first ranking found."),
    ("Evaluation of retrieval with incomplete judgements", "Measures that hold when judgements are missing."),
    ("Query expansion by relevance feedback", "Terms of the first answers are added to the query."),
    ("Compression of inverted indexes", "Integers are coded in blocks that decode fast."),
    ("Stability of clusters of documents", "Clusters are compared under resampling of the collection."),
    ("Term trends in scientific abstracts", "Frequencies of terms are followed over twenty years."),
    ("Fusion of several rankings", "Ranks of several systems are summed after a reciprocal."),
    ("Learning to rank with pairwise losses", "A ranking is learned from preferences between two documents."),
    ("Question answering over passages", "Answers are extracted from the passages that were retrieved."),
    ("Efficient traversal of ranked lists", "Documents that cannot enter the answer are skipped."),
)


def references() -> tuple[Reference, ...]:
    """Return twelve works with abstracts."""
    return tuple(
        Reference(
            key=f"work{n:02d}",
            entry_type="article",
            title=title,
            authors=(f"Ada Author{n}", f"Ben Writer{n}"),
            year=2008 + n,
            venue="Journal of Retrieval",
            abstract=f"{abstract} We study it on {n + 2} collections and report what holds and what does not.",
            ids={"doi": f"10.1000/{n:04d}"},
        )
        for n, (title, abstract) in enumerate(_TITLES)
    )


def task() -> ResearchTask:
    """Return a task on those works."""
    return ResearchTask(topic="retrieval and ranking of documents", bibliography=Bibliography(entries=references()))


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper on the task, experimented for and reviewed."""

    outline: Outline
    plan: ExperimentPlan
    results: ExperimentResults
    manuscript: Manuscript
    assessment: Assessment


RESULTS_FILE = b'{"measurements": [{"metric": "overlap", "value": 0.75}]}'


def paper() -> Paper:
    """Return the sample paper. Its results file is `RESULTS_FILE`."""
    experiment = Experiment(id="overlap", question="How far do two rankings agree?", script="print()", seeds=(0, 1))
    plan = ExperimentPlan(experiments=(experiment,), rationale="Agreement was never measured.")
    results = _results(experiment)
    return Paper(_outline(), plan, results, _manuscript(), _assessment())


def submission() -> Submission:
    """Return the sample paper as reviewers and rewards are given it."""
    whole, asked = paper(), task()
    return Submission(
        topic=asked.topic, manuscript=whole.manuscript, bibliography=asked.bibliography, results=whole.results
    )


def edition() -> Edition:
    """Return the sample paper as exporters are given it."""
    whole, asked = paper(), task()
    return Edition(
        topic=asked.topic,
        manuscript=whole.manuscript,
        bibliography=asked.bibliography,
        results=whole.results,
        assessment=whole.assessment,
        disclosure="This document was written by a program, sample-writer 1.0; 1 of its numbers was measured.",
        made_by={"policy": "sample-writer"},
    )


def _results(experiment: Experiment) -> ExperimentResults:
    script, file = artifact_ref(experiment.script.encode()), artifact_ref(RESULTS_FILE)
    executions = tuple(
        Execution(id=f"e{seed}", experiment="overlap", seed=seed, status="ok", script=script, results=file)
        for seed in experiment.seeds
    )
    measured = tuple(
        Measurement(
            id=f"overlap.s{seed}",
            metric="overlap",
            value=0.75,
            experiment="overlap",
            seed=seed,
            execution=f"e{seed}",
            artifact=file,
            pointer="/measurements/0/value",
        )
        for seed in experiment.seeds
    )
    mean = Measurement(
        id="overlap.mean",
        metric="overlap",
        value=0.75,
        experiment="overlap",
        derived=Derivation(statistic="mean", of=tuple(m.id for m in measured)),
    )
    return ExperimentResults(executions=executions, measurements=(*measured, mean), experiments=(experiment,))


def _outline() -> Outline:
    return Outline(
        title="How far two rankings agree",
        motivation="Rankings are compared by their scores, seldom by their overlap.",
        idea="Measure the overlap of sparse and dense rankings.",
        questions=("How far do two rankings agree?",),
        sections=tuple(SectionPlan(heading=h) for h in ("Introduction", "Method", "Results", "Limitations")),
    )


def _manuscript() -> Manuscript:
    bodies = (
        ("Introduction", "introduction", "Sparse~\\cite{work00} and dense retrieval~\\cite{work01} are compared."),
        ("Method", "method", "Two rankings are drawn for each of two seeds, and their overlap is counted."),
        ("Results", "results", "The mean overlap was \\measured{overlap.mean}{0.75} over two seeds."),
        ("Limitations", "limitations", "Two seeds are few, and one collection was used."),
    )
    sections = tuple(Section.model_validate({"heading": h, "role": r, "body": b}) for h, r, b in bodies)
    abstract = "We measure how far a sparse and a dense ranking agree, over two seeds."
    return Manuscript(title="How far two rankings agree", abstract=abstract, sections=sections)


def _assessment() -> Assessment:
    points = (
        ReviewPoint(id="few-seeds", text="Two seeds are too few for an interval.", asks="evidence"),
        ReviewPoint(id="unclear", text="Say what an overlap is.", asks="text", where="Method"),
    )
    reviews = (
        Review(reviewer="first", rating=6, confidence=3, soundness=3, weaknesses=("Few seeds.",), points=points),
        Review(reviewer="second", rating=4, confidence=4, weaknesses=("One collection only.",)),
        Review(reviewer="third", summary="No rating was given."),
    )
    return Assessment(reviews=reviews, decision="reject", machine_made="sample reviewer")
