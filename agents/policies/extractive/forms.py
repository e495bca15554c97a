"""Words that may be forms of one word: `corroded` and `corrosion`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from peercycle.agents.policies.extractive.corpus import MappedWork
from peercycle.agents.policies.extractive.notes import Term

LIKE = 5
"""Words that share so many first letters may be forms of one word; a shorter one is like itself only."""


def joined_in_other_forms(works: Sequence[MappedWork], terms: Sequence[Term]) -> tuple[str, ...]:
    """Return the pairs of terms, as named in measurements, that more works join in some form than as they stand."""
    texts = [{*work.title_tokens, *work.abstract_tokens} for work in works if work.abstract and not work.apart]
    begun = [{token[:LIKE] for token in text} for text in texts]
    exact = {term.group: {i for i, text in enumerate(texts) if term.word in text} for term in terms}
    loose = {term.group: {i for i, text in enumerate(begun) if term.word[:LIKE] in text} for term in terms}
    pairs = [(a.group, b.group) for a, b in combinations(terms, 2)]
    return tuple(f"{a}+{b}" for a, b in pairs if loose[a] & loose[b] > exact[a] & exact[b])
