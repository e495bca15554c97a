"""Which studies of the bibliography are run, with which parameters and seeds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources

from peercycle.agents.policies.extractive.analysis import cluster_labels
from peercycle.agents.policies.extractive.clustering import LARGEST_SHARE
from peercycle.agents.policies.extractive.corpus import Corpus
from peercycle.agents.policies.extractive.forms import LIKE
from peercycle.agents.policies.extractive.notes import Notes
from peercycle.agents.policies.extractive.numeric import study_named
from peercycle.agents.policies.extractive.settings import ExtractiveSettings
from peercycle.core.base import JSON
from peercycle.core.content_words import FOLDED_STOPWORDS
from peercycle.core.experiments import Experiment
from peercycle.core.sandboxing import EnvironmentSpec, Limits
from peercycle.core.writing import UserStudy

STUDY = "study"
"""Id of the experiment that runs the user's own study."""
ABLATIONS = ("retrieval-all-words", "stability-all-words", "gaps-no-titles", "trends-no-titles")
"""Ablations in the order in which rounds add them: a base study, and what it does without."""
MOST_WORKS = 1500
"""Works that one execution of the quadratic studies takes."""
LEAST_YEARS = 3


def program(name: str) -> str:
    """Return the text of a study program."""
    return resources.files("peercycle.agents.policies.extractive.studies").joinpath(name).read_text("utf-8")


def corpus_file(corpus: Corpus, notes: Notes) -> bytes:
    """Return the file that the studies read: folded words of every work, in order, and the stop words."""
    labels = cluster_labels(notes)
    works = [
        {
            "title": [token for token in work.title_tokens if len(token) > 2],
            "abstract": [token for token in work.abstract_tokens if len(token) > 2],
            "year": work.year,
            "label": labels.get(work.key),
            "apart": work.key in notes.facts.other_language,
        }
        for work in corpus.works
    ]
    return json.dumps({"works": works, "stopwords": sorted(FOLDED_STOPWORDS)}, ensure_ascii=False).encode()


def first_seed(run_seed: int) -> int:
    """Return the first seed of a run's studies."""
    return run_seed % 10_000 * 100


def applicable(notes: Notes) -> tuple[str, ...]:
    """Return the studies of the bibliography that it can bear, in the order of presentation."""
    if notes.declined is not None:
        return ()
    facts = notes.facts
    found: list[str] = []
    if len(notes.clusters) > 1:
        found.append("stability")
    found.append("retrieval")
    if facts.distinct_years >= LEAST_YEARS and notes.terms:
        found.append("trends")
    if len(notes.terms) > 1:
        found.append("gaps")
    return tuple(found)


def base_of(experiment: str) -> str:
    """Return the study that an experiment is a variant of."""
    return experiment.partition("-")[0] if experiment in ABLATIONS else experiment


def user_experiment(study: UserStudy, seeds: Sequence[int], settings: ExtractiveSettings) -> Experiment:
    """Return the user's own study as an experiment."""
    return Experiment(
        id=STUDY,
        question=f"What does the supplied study {study.name!r} measure?",
        method="The program was supplied with the task and run as it is, once per seed.",
        script=study.script,
        seeds=tuple(seeds),
        data=study.data,
        outputs=("*.png", "*.pdf"),
        limits=Limits(wall_s=settings.wall_s),
    )


def numeric_experiment(name: str, seeds: Sequence[int], settings: ExtractiveSettings) -> Experiment:
    """Return a built-in numerical study as an experiment."""
    study = study_named(name)
    return Experiment(
        id=study.name,
        question=study.question,
        method=study.method,
        script=program(study.program),
        parameters=study.parameters,
        seeds=tuple(seeds),
        environment=EnvironmentSpec(name="scientific"),
        limits=Limits(wall_s=settings.wall_s),
        metrics=(study.metric,),
    )


_QUESTIONS = {
    "stability": "Do the clusters of the map come back when the works are drawn again?",
    "retrieval": "Does a title find its own abstract, by BM25 and by TF-IDF?",
    "trends": "Do words of the literature become more or less frequent over the years?",
    "gaps": "Which frequent words occur together less often than chance would have it?",
}
_METRICS = {
    "stability": ("adjusted_rand", "adjusted_rand_gain"),
    "retrieval": ("mrr", "mrr_difference"),
    "trends": ("terms_tested",),
    "gaps": ("pairs_tested",),
}


def bibliography_experiment(
    name: str, notes: Notes, seeds: Sequence[int], figure_seed: int, settings: ExtractiveSettings
) -> Experiment:
    """Return a study of the bibliography, or one of its ablations, as an experiment."""
    base = base_of(name)
    draws = settings.figures and name == base
    parameters = _parameters(base, notes, settings) | {"figure_seed": figure_seed if draws else None}
    parameters |= {"stopwords": not name.endswith("-all-words"), "titles": not name.endswith("-no-titles")}
    # An ablation measures what is set beside its study, and nothing that would go unreported.
    parameters["details"] = name == base
    return Experiment(
        id=name,
        question=_QUESTIONS[base],
        script=program(f"{base}.py"),
        inputs={"corpus.json": notes.corpus} if notes.corpus else {},
        parameters=parameters,
        seeds=tuple(seeds),
        environment=EnvironmentSpec(name="scientific"),
        outputs=(f"{base}.png",) if draws else (),
        limits=Limits(wall_s=settings.wall_s),
        metrics=_METRICS[base],
    )


def _parameters(base: str, notes: Notes, settings: ExtractiveSettings) -> dict[str, JSON]:
    if base == "stability":
        return {
            "clusters": len(notes.clusters),
            "weighting": notes.strategy.weighting,
            "title_weight": notes.strategy.title_weight,
            "largest_share": LARGEST_SHARE,
            "resamples": 20 if notes.facts.works <= 300 else 5,
            "most_works": MOST_WORKS,
        }
    if base == "retrieval":
        return {"share": 0.8, "resamples": 1000, "most_works": MOST_WORKS}
    terms: dict[str, JSON] = {term.group: term.word for term in notes.terms}
    shown: dict[str, JSON] = {term.group: term.shown for term in notes.terms}
    common: dict[str, JSON] = {"terms": terms, "shown": shown, "permutations": settings.permutations}
    return common | ({"least_works": 3} if base == "trends" else {"reported_pairs": 6, "like": LIKE})
