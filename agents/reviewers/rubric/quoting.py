"""Quotations: whether a passage in quotation marks is what the source says."""

from __future__ import annotations

import re

from peercycle.agents.reviewers.rubric.citing import QUOTED
from peercycle.agents.reviewers.rubric.findings import Fault
from peercycle.agents.reviewers.rubric.inspection import Inspection
from peercycle.agents.reviewers.rubric.prose import CITE, plain, tokens

GRAM = 4
LEAST_SHARE = 0.4
"""A quotation is of the abstract in which so much of it stands, counted in runs of four words."""
ALIKE = 4
"""A word that begins with so many letters of a source's word is that word in another spelling."""
_BRACKETS = re.compile(r"\[[^\]]*\]")
_NEGATION = frozenset({"no", "not", "never", "none", "nor"})


def altered_quotations(i: Inspection) -> list[Fault]:
    """Return a fault for each quotation that is plainly of an abstract and says what the abstract does not.

    A number or a negation of which the source knows nothing alters it, and so do two other words; what is in square
    brackets is the quoting author's.
    """
    sources = {
        e.key: tokens(plain(f"{e.title}. {e.abstract}")) for e in i.submission.bibliography.entries if e.abstract
    }
    index: dict[tuple[str, ...], set[str]] = {}
    for key, words in sources.items():
        for gram in _grams(words):
            index.setdefault(gram, set()).add(key)
    faults: list[Fault] = []
    for part in i.paper.parts:
        for found in QUOTED.finditer(part.prose):
            words = tokens(_BRACKETS.sub(" ", found.group()[1:-1]))
            source = _source_of(words, index)
            if source is None:
                continue
            strange = _strange(words, sources[source])
            if strange:
                text = f"{source!r} is quoted with words that it does not hold: {', '.join(strange[:4])}"
                faults.append(Fault(text, part.heading))
            if CITE not in _sentence_around(part.prose, found.start(), found.end()):
                faults.append(Fault(f"{source!r} is quoted and not cited: {' '.join(words[:8])!r}", part.heading))
    return faults


_END = re.compile(r"[.!?](?=\s|$)|\n\n")


def _sentence_around(prose: str, start: int, end: int) -> str:
    """Return what stands before a quotation in its sentence, and after it."""
    ends = list(_END.finditer(prose, 0, start))
    after = _END.search(prose, end)
    return prose[ends[-1].end() if ends else 0 : start] + prose[end : after.end() if after else len(prose)]


def _grams(words: tuple[str, ...]) -> set[tuple[str, ...]]:
    return {words[at : at + GRAM] for at in range(len(words) - GRAM + 1)}


def _source_of(words: tuple[str, ...], index: dict[tuple[str, ...], set[str]]) -> str | None:
    """Return the work of which most of a quotation is, or None where no work holds enough of it."""
    grams = _grams(words)
    shared: dict[str, int] = {}
    for gram in grams:
        for key in index.get(gram, ()):
            shared[key] = shared.get(key, 0) + 1
    best = min(shared, key=lambda key: (-shared[key], key), default=None)
    return best if best is not None and shared[best] >= LEAST_SHARE * len(grams) else None


def _strange(words: tuple[str, ...], source: tuple[str, ...]) -> list[str]:
    """Return the words of a quotation that its source does not hold, where they alter it."""
    known, beginnings = set(source), {word[:ALIKE] for word in source}
    new = [word for word in dict.fromkeys(words) if word not in known]
    grave = [word for word in new if word in _NEGATION or word.isdigit()]
    others = [word for word in new if word.isalpha() and len(word) >= ALIKE and word[:ALIKE] not in beginnings]
    return [*grave, *others] if grave or len(others) > 1 else []
