"""Names for clusters, and the corpus's most frequent words."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from peercycle.agents.policies.extractive.clustering import LARGEST_SHARE
from peercycle.agents.policies.extractive.corpus import MappedWork
from peercycle.agents.policies.extractive.foreign_words import FOREIGN_WORDS, PLAINLY_FOREIGN
from peercycle.agents.policies.extractive.forms import LIKE
from peercycle.agents.policies.extractive.notes import Term
from peercycle.agents.policies.extractive.terms import content_pairs
from peercycle.core.common_words import FUNCTION_WORDS
from peercycle.core.content_words import is_content

TERMS_PER_NAME = 3
MOST_TERMS = 18
"""Words whose trends and joint occurrences are tested."""
LEAST_TERM_WORKS = 3
FOREIGN_MARKS = 3
"""So many plainly foreign function words make a text one in another language, in part at least."""
LEAST_INSIDE = 0.6
"""A cluster is named by words of whose works this share or more lie in it."""
_VERB_FORM = re.compile(r"\w{3,}(?:ed|ing|tten)")


def _features(work: MappedWork) -> set[str]:
    """Return a work's content words and neighbouring pairs of them, a foreign text's function words left out."""
    every = {*work.title_tokens, *work.abstract_tokens}
    foreign = len(every & PLAINLY_FOREIGN)
    english = len(every & FUNCTION_WORDS)
    dropped = FOREIGN_WORDS if foreign >= FOREIGN_MARKS or foreign > english else frozenset[str]()
    words = {token for token in every if is_content(token)} - dropped
    return words | {f"{a} {b}" for a, b in content_pairs(work.text) if a not in dropped and b not in dropped}


def _alike(a: set[str], b: set[str]) -> bool:
    """Return whether two features share a word, or words that begin alike: `shade` and `shaded`."""
    return any(x.startswith(y[:LIKE]) and min(len(x), len(y)) >= LIKE for x in a for y in b) or bool(a & b)


def feature_counts(works: Sequence[MappedWork]) -> Counter[str]:
    """Return in how many works each content word, and each pair of them, occurs."""
    return Counter(feature for work in works for feature in _features(work))


def cluster_terms(
    inside: Sequence[MappedWork], works: int, everywhere: Counter[str], spelt: dict[str, str], taken: Counter[str]
) -> dict[str, int]:
    """Return up to three words or pairs that set a cluster apart, as printed, and how many of its works use each.

    None that an earlier cluster took.

    `everywhere` holds the counts over all so many works: they are taken once for all clusters.
    """
    here = feature_counts(inside)
    least = 2 if len(inside) > 1 else 1

    def score(feature: str) -> float:
        share = here[feature] / len(inside)
        apart = share - (everywhere[feature] - here[feature]) / max(1, works - len(inside))
        rare = math.log(1 + works / everywhere[feature])
        return apart * math.sqrt(share) * rare * (1.35 if " " in feature else 1.0)

    most = max(len(inside), LARGEST_SHARE * works)
    own = (f for f, n in here.items() if n >= max(least, LEAST_INSIDE * everywhere[f]) and everywhere[f] <= most)
    left = sorted((f for f in own if f not in taken and score(f) > 0), key=lambda f: (-score(f), f))
    chosen: list[str] = []
    while left and len(chosen) < TERMS_PER_NAME:
        feature = left[0]
        if _VERB_FORM.fullmatch(feature):
            feature = next((f for f in left if " " in f and here[f] >= here[feature]), feature)
        chosen.append(feature)
        left = [f for f in left if not _alike(set(f.split()), set(feature.split()))]
    taken.update(chosen)
    return {spelt.get(feature, feature): here[feature] for feature in chosen}


def term_table(works: Sequence[MappedWork], spelt: dict[str, str]) -> tuple[Term, ...]:
    """Return the words that most works with an abstract use, those that nearly all use left out.

    Works in another language than most of the list count nowhere.
    """
    texts = [work for work in works if work.abstract and not work.apart]
    counts = Counter(t for work in texts for t in {*work.title_tokens, *work.abstract_tokens} if is_content(t))
    kept = [(t, n) for t, n in counts.items() if LEAST_TERM_WORKS <= n <= len(texts) - LEAST_TERM_WORKS]
    kept.sort(key=lambda pair: (-pair[1], pair[0]))
    terms: list[Term] = []
    for index, (word, number) in enumerate(kept[:MOST_TERMS]):
        group = word if re.fullmatch(r"[a-z][a-z0-9-]{1,17}", word) else f"word{index + 1}"
        terms.append(Term(group=group, word=word, shown=spelt.get(word, word), works=number))
    return tuple(terms)
