"""How far the bibliography has to do with the topic."""

from __future__ import annotations

from collections.abc import Sequence

from peercycle.agents.policies.extractive.clustering import cosine, inverse_frequencies, unit, vector_of
from peercycle.agents.policies.extractive.corpus import MappedWork
from peercycle.agents.policies.extractive.notes import TopicMatch
from peercycle.agents.policies.extractive.prose import counted, plural
from peercycle.agents.policies.extractive.terms import fold, is_content, topic_tokens, words_of

STRAY_SHARE = 10
"""Where no more than one in so many works shares a word with the topic, the list has little to do with it."""


def match_topic(topic: str, works: Sequence[MappedWork]) -> TopicMatch:
    """Return which content words of the topic occur in titles and abstracts, and in how many works.

    The verdict rests on those of them that say something of a subject, where there are any: that a list uses `study`
    and `recent` as the topic does brings it no nearer to the topic.
    """
    wanted = tuple(dict.fromkeys(topic_tokens(topic)))
    if not wanted:
        return TopicMatch()
    spelt = {fold(word): word for word in reversed(words_of(topic))}
    texts = [set(work.title_tokens) | set(work.abstract_tokens) for work in works]
    matched = tuple(word for word in wanted if any(_occurs(word, text) for text in texts))
    sharing = sum(any(_occurs(word, text) for word in wanted) for text in texts)
    return TopicMatch.model_validate(
        {
            "words": tuple(spelt[word] for word in wanted),
            "matched": tuple(spelt[word] for word in matched),
            "works": sharing,
            "verdict": _verdict(tuple(filter(is_content, wanted)) or wanted, texts),
        }
    )


def is_stray(topic: TopicMatch, works: int) -> bool:
    """Return whether a topic's words, though some occur, do so in hardly any of so many works: by chance, as it seems."""
    return topic.verdict == "partial" and topic.works <= max(1, works // STRAY_SHARE)


def topic_warning(topic: TopicMatch, works: int) -> str | None:
    """Return what a reader of the run is to know before anything else, where topic and list have nothing in common."""
    if works == 0:
        return None
    if topic.verdict == "none":
        return (
            "as far as words show, the bibliography has nothing to do with the topic: no word that names its subject "
            "occurs in any title or abstract, so the paper maps the list and says nothing about the topic"
        )
    if is_stray(topic, works):
        return (
            "as far as words show, the bibliography has little to do with the topic: "
            f"{topic.works} of {counted(works, 'work')} {plural(topic.works, 'uses', 'use')} a word of it, so the paper "
            "maps the list and says next to nothing about the topic"
        )
    return None


def _verdict(telling: Sequence[str], texts: Sequence[set[str]]) -> str:
    """Return how far texts use the telling words of a topic."""
    matched = sum(any(_occurs(word, text) for text in texts) for word in telling)
    sharing = sum(any(_occurs(word, text) for word in telling) for text in texts)
    if not matched:
        return "none"
    return "good" if 2 * matched >= len(telling) and 4 * sharing >= len(texts) else "partial"


def _occurs(word: str, text: set[str]) -> bool:
    """Return whether a text uses a word, or a form of it that begins alike: `survive`, `survived`, `survival`."""
    if word in text:
        return True
    stem = word.removesuffix("ing").removesuffix("e").removesuffix("y")
    return len(stem) >= 5 and any(token.startswith(stem) and len(token) <= len(stem) + 4 for token in text)


def nearest_to_topic(topic: str, works: Sequence[MappedWork], number: int) -> tuple[str, ...]:
    """Return the keys of the works whose words come nearest to the topic's, nearest first; none that share none."""
    documents = [[*work.title_tokens, *work.title_tokens, *work.abstract_tokens] for work in works]
    inverse = inverse_frequencies([[token for token in tokens if len(token) > 2] for tokens in documents])
    every = {token: inverse.get(token, 1e-3) for tokens in documents for token in tokens}
    query = unit({token: every[token] for token in sorted(set(topic_tokens(topic))) if token in every})
    scores = [cosine(query, vector_of(tokens, every, "log")) for tokens in documents]
    order = sorted(range(len(works)), key=lambda index: (-scores[index], index))
    return tuple(works[i].key for i in order if scores[i] > 0 and works[i].citable)[:number]
