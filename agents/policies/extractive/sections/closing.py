"""Conclusion and abstract: what was found, in a few sentences, every figure bound."""

from __future__ import annotations

from peercycle.agents.policies.extractive.latex import escape, join
from peercycle.agents.policies.extractive.material import Material
from peercycle.agents.policies.extractive.planning import STUDY
from peercycle.agents.policies.extractive.prose import capital, counted, listed, number_word, plural, shares
from peercycle.agents.policies.extractive.sections import (
    result_gaps,
    result_retrieval,
    result_stability,
    result_trends,
)
from peercycle.agents.policies.extractive.sections.discussion import questions
from peercycle.agents.policies.extractive.sections.result_metrics import digits_for
from peercycle.core.writing import Section

MOST_NAMES = 6


def abstract(m: Material) -> str:
    """Return the abstract."""
    facts = m.notes.facts
    if facts.works == 0:
        return f"A map of the literature on {m.topic} was asked for; the list that was given holds no usable work."
    return join(_what(m), _supplied(m), _parts(m), *_measured(m), _not_measured(m), _claim(m))


def _what(m: Material) -> str:
    off = f" {m.off_topic}." if m.off_topic else ""
    if m.notes.facts.works == 1:
        return f"This paper describes the one work that was given for the topic ``{m.topic_given}''.{off}"
    if m.off_topic:
        return (
            f"This paper maps {m.works}{m.span} that were given for the topic ``{m.topic_given}''.{off} It is a map of "
            "the list and not of the topic."
        )
    if not m.on_topic:
        topic = m.notes.topic
        return (
            f"This paper maps {m.works}{m.span} that were given for the topic ``{m.topic_given}''. "
            f"{capital(shares(len(topic.matched), len(topic.words), 'content word'))} of the topic "
            f"{plural(len(topic.matched), 'occurs', 'occur')} in titles or abstracts, in {counted(topic.works, 'work')}, "
            "so this is a map of the list, which covers the topic in part at most."
        )
    return f"This paper is a systematic map of {m.works}{m.span} that were given as literature on {m.topic}."


def _supplied(m: Material) -> str:
    if m.study is None or not m.concluded:
        return ""
    if not m.ran(STUDY):
        why = "yielded no result" if m.experiments_run else "was not run, because this run had no experiments"
        return f"The study that came with the task, ``{m.study}'', {why}."
    f = m.findings
    metric = headline(m)
    groups = f.groups(STUDY, metric)
    shown = _means(m, metric)
    among = ", among others," if len(groups) > 4 else ""
    return (
        f"A study that came with the task, ``{m.study}'', was run over "
        f"{f.number_of_seeds(STUDY, metric, groups[0])} seeds{_plural_fix(f.seeds(STUDY))}; its "
        f"``{escape(metric)}'' has a "
        f"mean{among} of {listed(shown)}."
    )


def _means(m: Material, metric: str) -> list[str]:
    f = m.findings
    return [
        f"{f.interval(STUDY, metric, group, digits_for(f.value(STUDY, metric, group) or 0.0))}"
        + (f" for ``{escape(group)}''" if group else "")
        for group in f.groups(STUDY, metric)[:4]
    ]


def _supplied_result(m: Material) -> str:
    """Return the conclusion's word on the user's own study."""
    if m.study is None:
        return ""
    if not m.ran(STUDY):
        why = "no number came out of it" if m.experiments_run else "it was not run"
        return f"Of the study that came with the task nothing can be concluded, since {why}."
    metric = headline(m)
    return (
        f"What the study that came with the task measured, a ``{escape(metric)}'' of {listed(_means(m, metric))}, "
        "stands as its program gave it and was not checked against the works."
    )


def headline(m: Material) -> str:
    """Return the metric of the supplied study for the abstract: one that compares groups, else one that varies."""
    f = m.findings
    metrics = f.metrics(STUDY)
    compared = [metric for metric in metrics if len(f.groups(STUDY, metric)) > 1]
    varied = [x for x in metrics if any(not f.constant(STUDY, x, group) for group in f.groups(STUDY, x))]
    return (*compared, *varied, *metrics)[0]


def _plural_fix(seeds: int) -> str:
    return "" if seeds != 1 else " (one only)"


def _parts(m: Material) -> str:
    clusters = m.notes.clusters
    if len(clusters) < 2:
        return ""
    if len(clusters) > MOST_NAMES:
        return f"By their words {m.placed} fall into {number_word(len(clusters))} clusters."
    names = "; ".join(escape(cluster.name) for cluster in clusters)
    return f"By their words {m.placed} fall into {number_word(len(clusters))} clusters: {names}."


def _measured(m: Material) -> list[str]:
    parts: list[str] = []
    f = m.findings
    if "stability" in m.reported:
        observed = f.interval("stability", "adjusted_rand", "observed")
        shuffled = f.interval("stability", "adjusted_rand", "shuffled")
        seeds = f.number_of_seeds("stability", "adjusted_rand", "observed")
        parts.append(
            f"Clusters of resampled works agree with the map to an adjusted Rand index of {observed}, against "
            f"{shuffled} with shuffled words (mean and 95\\% interval over {seeds} seeds)."
        )
    if "retrieval" in m.reported:
        bm25, tf_idf = (f.interval("retrieval", "mrr", system) for system in ("BM25", "TF-IDF"))
        parts.append(
            f"By its title a work's abstract is found with a mean reciprocal rank of {bm25} by BM25 and {tf_idf} by "
            "TF-IDF."
        )
    if "trends" in m.reported:
        parts.append(result_trends.summary(m))
    if "gaps" in m.reported:
        parts.append(result_gaps.summary(m))
    return parts


def _not_measured(m: Material) -> str:
    if not m.concluded or m.reported:
        return ""
    if m.notes.declined is not None:
        usable, works = m.notes.facts.abstracts, m.notes.facts.works
        if works == 1:
            return "One work is too little for any measurement of the list, and none was made."
        few = (
            f"With {number_word(usable)} usable {plural(usable, 'abstract')} the list is too short for the studies "
            "of it"
        )
        return f"{few}, and none was done."
    if not m.experiments_run:
        return "The run had no experiments, so no study of the list was run and no figure is reported."
    return "No study of the list yielded a number."


def _nothing_measured(m: Material) -> str:
    """Return the conclusion's word on what the abstract says more fully."""
    if not _not_measured(m) or len(m.notes.clusters) < 2:
        return ""
    return "Since no study of the list gave a number, how firm these clusters are cannot be said."


def _claim(m: Material) -> str:
    if m.notes.facts.works < 2:
        return ""
    ends = (
        "The paper ends in questions that the list leaves open; it" if m.concluded and questions(m) else "The paper"
    )
    return f"{ends} claims no finding about the field itself."


def conclusion(m: Material) -> Section | None:
    """Return the conclusion, or None before anything is concluded."""
    if not m.concluded or m.notes.facts.works == 0:
        return None
    if m.notes.facts.works == 1:
        body = join("One work was given, and one is described. A map needs more.", _supplied_result(m))
    else:
        number = len(m.notes.clusters)
        form = f"fall into {number_word(number)} clusters" if number > 1 else "are too few to part into clusters"
        if number == 1:
            form = "form one cluster"
        body = join(
            f"{capital(m.placed if number else f'the {m.works}')} {f'on {m.topic}' if m.on_topic else 'given for the topic'} "
            f"{form}.",
            _supplied_result(m),
            result_stability.conclusion(m) if "stability" in m.reported else "",
            result_retrieval.conclusion(m) if "retrieval" in m.reported else "",
            result_trends.conclusion(m) if "trends" in m.reported else "",
            result_gaps.conclusion(m) if "gaps" in m.reported else "",
            _nothing_measured(m),
            "What the list lacks may lie outside it; a wider search comes before any claim that work is missing.",
        )
    return Section(heading="Conclusion", role="conclusion", body=body)
