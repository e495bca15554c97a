"""How far the bibliography covers the topic."""

from __future__ import annotations

from collections.abc import Sequence

from peercycle.agents.policies.extractive.clustering import cosine, inverse_frequencies, unit, vector_of
from peercycle.agents.policies.extractive.corpus import MappedWork
from peercycle.agents.policies.extractive.notes import TopicMatch
from peercycle.core.topicality import TopicWords


def match_topic(topic: str, works: Sequence[MappedWork]) -> TopicMatch:
    """Return which content words of the topic occur in titles and abstracts, and in how many works.

    The verdict rests on those of them that say something of a subject, where there are any: that a list uses `study`
    and `recent` as the topic does brings it no nearer to the topic.
    """
    words = TopicWords(topic)
    if not words.spelt:
        return TopicMatch()
    used = [words.used_by(work.words) for work in works]
    everywhere = frozenset[str]().union(*used)
    matched = len(words.telling & everywhere)
    sharing = sum(not words.telling.isdisjoint(found) for found in used)
    good = 2 * matched >= len(words.telling) and 4 * sharing >= len(works)
    return TopicMatch(
        words=tuple(words.spelt.values()),
        matched=tuple(spelling for word, spelling in words.spelt.items() if word in everywhere),
        works=sum(map(bool, used)),
        without=tuple(work.key for work, found in zip(works, used, strict=True) if not found),
        verdict="good" if good else "partial",
    )


def nearest_to_topic(topic: str, works: Sequence[MappedWork], number: int) -> tuple[str, ...]:
    """Return the keys of the works whose words come nearest to the topic's, nearest first; none that share none."""
    wanted = TopicWords(topic)
    documents = [[*work.title_tokens, *work.title_tokens, *work.abstract_tokens] for work in works]
    inverse = inverse_frequencies([[token for token in tokens if len(token) > 2] for tokens in documents])
    every = {token: inverse.get(token, 1e-3) for tokens in documents for token in tokens}
    query = unit({token: every[token] for token in sorted(every) if wanted.used_by(token)})
    scores = [cosine(query, vector_of(tokens, every, "log")) for tokens in documents]
    order = sorted(range(len(works)), key=lambda index: (-scores[index], index))
    return tuple(works[i].key for i in order if scores[i] > 0 and works[i].citable)[:number]
