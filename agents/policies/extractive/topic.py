"""How far the bibliography has to do with the topic."""

from __future__ import annotations

from collections.abc import Sequence

from peercycle.agents.policies.extractive.clustering import cosine, inverse_frequencies, unit, vector_of
from peercycle.agents.policies.extractive.corpus import MappedWork
from peercycle.agents.policies.extractive.notes import TopicMatch
from peercycle.agents.policies.extractive.terms import content_tokens, fold, words_of


def match_topic(topic: str, works: Sequence[MappedWork]) -> TopicMatch:
    """Return which content words of the topic occur in titles and abstracts, and in how many works."""
    wanted = tuple(dict.fromkeys(content_tokens(topic)))
    if not wanted:
        return TopicMatch()
    spelt = {fold(word): word for word in reversed(words_of(topic))}
    texts = [set(work.title_tokens) | set(work.abstract_tokens) for work in works]
    matched = tuple(word for word in wanted if any(_occurs(word, text) for text in texts))
    sharing = sum(any(_occurs(word, text) for word in wanted) for text in texts)
    if not matched:
        verdict = "none"
    elif 2 * len(matched) >= len(wanted) and 4 * sharing >= len(works):
        verdict = "good"
    else:
        verdict = "partial"
    return TopicMatch.model_validate(
        {
            "words": tuple(spelt[word] for word in wanted),
            "matched": tuple(spelt[word] for word in matched),
            "works": sharing,
            "verdict": verdict,
        }
    )


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
    query = unit({token: every[token] for token in sorted(set(content_tokens(topic))) if token in every})
    scores = [cosine(query, vector_of(tokens, every, "log")) for tokens in documents]
    order = sorted(range(len(works)), key=lambda index: (-scores[index], index))
    return tuple(works[i].key for i in order if scores[i] > 0 and works[i].citable)[:number]
