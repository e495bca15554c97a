"""Sentences of abstracts, and which of them are worth quoting."""

from __future__ import annotations

import re
from collections.abc import Sequence

from peercycle.agents.policies.extractive.clustering import Vector, cosine, vector_of
from peercycle.agents.policies.extractive.corpus import MappedWork
from peercycle.agents.policies.extractive.notes import Quote, Weighting
from peercycle.agents.policies.extractive.pointing import points_back
from peercycle.agents.policies.extractive.terms import content_tokens

_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"“(])")
_NO_END = re.compile(r"(?:\b(?:e\.g|i\.e|et al|cf|vs|Fig|approx|ca|Dr|St|No)|\b[A-Z])\.$")
_UNQUOTABLE = re.compile(r"[$\\{}\"“”„«»`\[\]<>^~|]|https?:|\bwww\.")
_FIRST_PERSON = re.compile(r"\b(?:we|our|us|i|this (?:paper|study|work|article|review))\b", re.IGNORECASE)
LEAST_WORDS = 7


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a text, word for word."""
    found: list[str] = []
    for piece in _END.split(text):
        if found and _NO_END.search(found[-1]):
            found[-1] = f"{found[-1]} {piece}"
        else:
            found.append(piece)
    return [piece.strip() for piece in found if piece.strip()]


def shortened(key: str, sentence: str, most_words: int) -> Quote | None:
    """Return the sentence as a quotation of at most `most_words` words, cut at a comma where one stands well."""
    if _UNQUOTABLE.search(sentence):
        return None
    words = sentence.rstrip(".!?…").split()
    if len(words) < LEAST_WORDS:
        return None
    if len(words) <= most_words:
        return Quote(key=key, text=" ".join(words))
    kept = words[:most_words]
    commas = [i for i, word in enumerate(kept) if word.endswith((",", ";", ":")) and i + 1 >= LEAST_WORDS]
    kept = kept[: commas[-1] + 1] if commas else kept
    return Quote(key=key, text=" ".join(kept).rstrip(",;:"), cut=True)


def _worth(sentence: str, vector: Vector, centre: Vector, most_words: int) -> float:
    score = cosine(vector, centre)
    if len(sentence.split()) > most_words:
        score *= 0.5
    if _FIRST_PERSON.search(sentence):
        score *= 0.6
    return score


def central_quotes(
    works: Sequence[MappedWork],
    centre: Vector,
    inverse: dict[str, float],
    weighting: Weighting,
    *,
    most_words: int,
    number: int,
) -> tuple[Quote, ...]:
    """Return the passages nearest to a centre, at most one per work; none that points back to another sentence."""
    candidates: list[tuple[float, Quote]] = []
    for work in works:
        if not work.citable:
            continue
        for sentence in sentences_of(work.abstract):
            if points_back(sentence):
                continue
            quote = shortened(work.key, sentence, most_words)
            worth = _worth(sentence, vector_of(content_tokens(sentence), inverse, weighting), centre, most_words)
            if quote is not None and worth > 0:
                candidates.append((worth, quote))
    candidates.sort(key=lambda pair: (-pair[0], pair[1].key, pair[1].text))
    best: dict[str, Quote] = {}
    for _, quote in candidates:
        best.setdefault(quote.key, quote)
    return tuple(best.values())[:number]
