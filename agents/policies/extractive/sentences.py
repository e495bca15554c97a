"""Sentences of abstracts, and which of them are worth quoting."""

from __future__ import annotations

import re
from collections.abc import Sequence

from peercycle.agents.policies.extractive.clustering import Vector, cosine, vector_of
from peercycle.agents.policies.extractive.corpus import MappedWork
from peercycle.agents.policies.extractive.headings import BULLET, holds_heading
from peercycle.agents.policies.extractive.notes import Quote, Weighting
from peercycle.agents.policies.extractive.pointing import points_back
from peercycle.agents.policies.extractive.terms import content_tokens

_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"“(])")
_NO_END = re.compile(r"(?:\b(?:e\.g|i\.e|et al|cf|vs|Fig|approx|ca|Dr|St|No)|\b[A-Z])\.$")
_UNQUOTABLE = re.compile(r"[$\\{}\"“”„«»`\[\]<>^~|]|https?:|\bwww\.")
_FIRST_PERSON = re.compile(r"\b(?:we|our|us|i|this (?:paper|study|work|article|review))\b", re.IGNORECASE)
_TURN = re.compile(
    r"(?:but|not|no|nor|neither|never|none|nothing|cannot|without|except|unless|although|though|however|whereas|while"
    r"|only|if|until|rather|instead|than|despite|unlike|yet|hardly|barely|scarcely|\w+n['’]t)\b",
    re.IGNORECASE,
)
"""Words that may turn a sentence round; one that has such a word behind the cut is not cut."""
_INTRODUCES = frozenset(
    "in on at for with by from after before during among within under through to as although though while whereas when where if "
    "because since once given using despite unlike based".split()
)
_ENDS_NOTHING = frozenset(
    "a an the of in on at to for with by from into over per between and or as that which who whose its their our is are was were "
    "not".split()
)
LEAST_WORDS = 7


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a text, word for word; an item of a list with bullets is one or more of its own."""
    return [sentence for item in BULLET.split(text) for sentence in _sentences(item)]


def _sentences(text: str) -> list[str]:
    found: list[str] = []
    for piece in _END.split(text):
        if found and _NO_END.search(found[-1]):
            found[-1] = f"{found[-1]} {piece}"
        else:
            found.append(piece)
    return [piece.strip() for piece in found if piece.strip()]


def shortened(key: str, sentence: str, most_words: int) -> Quote | None:
    """Return the sentence as a quotation of at most `most_words` words, or None where it is not fit for one."""
    if _UNQUOTABLE.search(sentence) or holds_heading(sentence) or sentence.endswith(":"):
        return None
    words = sentence.rstrip(".!?…").split()
    if len(words) < LEAST_WORDS:
        return None
    if len(words) <= most_words:
        return Quote(key=key, text=" ".join(words))
    return cut_short(Quote(key=key, text=" ".join(words)), most_words)


def cut_short(quote: Quote, most_words: int) -> Quote | None:
    """Return a longer quotation cut at a comma where one stands well; None where what is cut off may turn its sense."""
    words = quote.text.split()
    kept = words[:most_words]
    commas = [i for i, word in enumerate(kept) if word.endswith((",", ";", ":")) and i + 1 >= LEAST_WORDS]
    if len(commas) > 1 or (commas and kept[0].lower() not in _INTRODUCES):
        kept = kept[: commas[-1] + 1]
    while kept and sum(word.count("(") - word.count(")") for word in kept) > 0:
        kept.pop()
    while kept and kept[-1].lower() in _ENDS_NOTHING:
        kept.pop()
    if len(kept) < LEAST_WORDS or any(_TURN.match(word.lstrip("(—–-")) for word in words[len(kept) :]):
        return None
    return Quote(key=quote.key, text=" ".join(kept).rstrip(",;:"), cut=True)


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
