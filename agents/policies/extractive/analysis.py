"""The whole analysis of a corpus under one strategy: clusters with names and quotations, terms, topic."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from peercycle.agents.policies.extractive.clustering import (
    Vector,
    centre_of,
    cosine,
    counted_tokens,
    inverse_frequencies,
    k_means,
    vector_of,
)
from peercycle.agents.policies.extractive.corpus import LEAST_ABSTRACT_WORDS, Corpus, MappedWork
from peercycle.agents.policies.extractive.forms import joined_in_other_forms
from peercycle.agents.policies.extractive.languages import told_apart
from peercycle.agents.policies.extractive.naming import cluster_terms, feature_counts, term_table
from peercycle.agents.policies.extractive.notes import Cluster, Notes, Quote, Strategy
from peercycle.agents.policies.extractive.numeric import nearest_numeric
from peercycle.agents.policies.extractive.pointing import points_back
from peercycle.agents.policies.extractive.prose import counted, listed, number_word
from peercycle.agents.policies.extractive.sentences import central_quotes, sentences_of, shortened
from peercycle.agents.policies.extractive.settings import ExtractiveSettings
from peercycle.agents.policies.extractive.terms import pair_spellings, plain_titles, spellings
from peercycle.agents.policies.extractive.topic import match_topic, nearest_to_topic
from peercycle.core.literature import Reference
from peercycle.core.topicality import off_topic

LEAST_CLUSTERED = 4
"""Fewer works than this are described one by one."""
QUOTES_PER_CLUSTER = 8
"""More than are printed, so that a shorter one is at hand."""


def analyse(
    topic: str, entries: Sequence[Reference], corpus: Corpus, strategy: Strategy, settings: ExtractiveSettings
) -> Notes:
    """Return the policy's notes on a corpus, which was read from `entries`."""
    works = told_apart(corpus.works)
    abstracts = [work.abstract for work in works]
    texts = [*plain_titles([work.title for work in works], abstracts), *abstracts]
    spelt = spellings(texts) | pair_spellings(texts)
    clusters, unplaced = _clusters(works, strategy, settings, spelt)
    facts = corpus.facts.model_copy(update={"other_language": tuple(work.key for work in works if work.apart)})
    enough = facts.abstracts - len(facts.other_language) >= settings.least_abstracts
    terms = term_table(works, spelt) if enough else ()
    declined = None
    if facts.abstracts < settings.least_abstracts:
        declined = (
            f"the list of {counted(facts.works, 'work')} has {counted(facts.abstracts, 'usable abstract')} (of "
            f"{number_word(LEAST_ABSTRACT_WORDS)} words or more), and the "
            f"studies of the list need {number_word(settings.least_abstracts)}"
        )
    return Notes(
        strategy=strategy,
        facts=facts,
        topic=match_topic(topic, works),
        off_topic=off_topic(topic, entries),
        clusters=clusters,
        unplaced=unplaced,
        passages=_passages(works, settings) if len(works) < LEAST_CLUSTERED else (),
        terms=terms,
        other_forms=joined_in_other_forms(works, terms),
        nearest=nearest_to_topic(topic, works, 5),
        numeric=nearest_numeric(topic, works, settings.numeric_threshold),
        declined=declined,
        quote_words=settings.quote_words,
    )


def cluster_labels(notes: Notes) -> dict[str, int]:
    """Return the cluster of each placed work, by key."""
    return {key: cluster.label for cluster in notes.clusters for key in cluster.keys}


def _clusters(
    works: Sequence[MappedWork], strategy: Strategy, settings: ExtractiveSettings, spelt: dict[str, str]
) -> tuple[tuple[Cluster, ...], tuple[str, ...]]:
    if len(works) < LEAST_CLUSTERED:
        return (), tuple(work.key for work in works)
    documents = [counted_tokens(work, strategy.title_weight) for work in works]
    inverse = inverse_frequencies(documents)
    vectors = [vector_of(tokens, inverse, strategy.weighting) for tokens in documents]
    placed = [index for index, vector in enumerate(vectors) if vector]
    labels = k_means([vectors[index] for index in placed], strategy.clusters, random.Random(strategy.seed))
    groups: dict[int, list[int]] = {}
    for index, label in zip(placed, labels, strict=True):
        groups.setdefault(label, []).append(index)
    everywhere = feature_counts(works)
    taken: Counter[str] = Counter()
    found: list[Cluster] = []
    for label, members in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        inside = [works[index] for index in members]
        terms = cluster_terms(inside, len(works), everywhere, spelt, taken)
        centre = centre_of([vectors[index] for index in members])
        found.append(_cluster(label, members, works, vectors, centre, inverse, terms, strategy, settings))
    if strategy.by_year:
        found.sort(key=lambda cluster: (cluster.first_year or 9999, cluster.last_year or 9999, -len(cluster.keys)))
    return tuple(found), tuple(works[i].key for i, vector in enumerate(vectors) if not vector)


def _passages(works: Sequence[MappedWork], settings: ExtractiveSettings) -> tuple[Quote, ...]:
    """Return the first sentence of each abstract that can be quoted and stands on its own."""
    found: list[Quote] = []
    for work in works:
        quotes = [
            shortened(work.key, s, settings.quote_words) for s in sentences_of(work.abstract) if not points_back(s)
        ]
        found += [quote for quote in quotes if quote is not None and work.citable][:1]
    return tuple(found)


def _cluster(
    label: int,
    members: Sequence[int],
    works: Sequence[MappedWork],
    vectors: Sequence[Vector],
    centre: Vector,
    inverse: dict[str, float],
    terms: dict[str, int],
    strategy: Strategy,
    settings: ExtractiveSettings,
) -> Cluster:
    order = sorted(members, key=lambda index: (-cosine(vectors[index], centre), index))
    years = [year for index in members if (year := works[index].year) is not None]
    return Cluster(
        label=label,
        name=listed(tuple(terms)) if terms else "works that share no distinctive word",
        terms=tuple(terms),
        uses=tuple(terms.values()),
        keys=tuple(works[index].key for index in order),
        first_year=min(years, default=None),
        last_year=max(years, default=None),
        dated=len(years),
        quotes=central_quotes(
            [works[index] for index in order],
            centre,
            inverse,
            strategy.weighting,
            most_words=settings.quote_words,
            number=QUOTES_PER_CLUSTER,
        ),
    )
